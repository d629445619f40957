"""Maximum likelihood of positive parameters, in logarithms, from several starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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


# A log-likelihood alone, and one with its slopes, one per parameter: the search then asks once where differences would ask once a
# parameter more.
Plain = Callable[[Floats], float]
Sloped = Callable[[Floats], tuple[float, Floats]]


def maximise(
    log_likelihood: Plain | Sloped, starts: Sequence[Sequence[float]], n: int, has_slopes: bool = False
) -> Fit | None:
    """The best maximum over all starts (natural scale); None when no start leads to a finite one."""
    from scipy.optimize import minimize

    def loss(logs: Floats) -> Any:
        theta = np.exp(logs)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            told: Any = log_likelihood(theta)
            total, slopes = told if has_slopes else (told, np.zeros(len(logs)))
            # a step in the logarithm of a parameter is a step of theta in theta
            value, slope = -total / n, -slopes * theta / n
        if not np.isfinite(value) or not np.isfinite(slope).all():
            value, slope = 1e10, np.zeros(len(logs))
        return (value, slope) if has_slopes else value

    best = None
    for start in starts:
        found = minimize(
            loss,
            np.clip(np.log(start), *BOUNDS),
            jac=has_slopes,
            method="L-BFGS-B",
            bounds=[BOUNDS] * len(start),
            options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6},
        )
        if found.fun < 1e9 and (best is None or found.fun < best.fun):
            best = found
    return None if best is None else Fit(np.exp(best.x), -float(best.fun) * n, n)
