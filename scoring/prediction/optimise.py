"""Maximum likelihood of positive parameters, in logarithms, from several starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.prediction.histories import Floats

# e^-9 to e^12: beyond, a parameter is as good as 0 or without end, and the likelihood is flat.
BOUNDS = (-9.0, 12.0)


@dataclass(frozen=True)
class Fit:
    """Parameters at the maximum, in the model's order; the log-likelihood; the number of people behind it."""

    theta: Floats
    log_likelihood: float
    n: int


def maximise(
    log_likelihood: Callable[[Floats], float], starts: Sequence[Sequence[float]], n: int
) -> Fit | None:
    """The best maximum over all starts (natural scale); None when no start leads to a finite one."""
    from scipy.optimize import minimize

    def loss(logs: Floats) -> float:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value = -log_likelihood(np.exp(logs)) / n
        return value if np.isfinite(value) else 1e10

    best = None
    for start in starts:
        found = minimize(
            loss,
            np.clip(np.log(start), *BOUNDS),
            method="L-BFGS-B",
            bounds=[BOUNDS] * len(start),
            options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6},
        )
        if found.fun < 1e9 and (best is None or found.fun < best.fun):
            best = found
    return None if best is None else Fit(np.exp(best.x), -float(best.fun) * n, n)
