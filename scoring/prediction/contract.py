"""Exponential-gamma: how long subscriptions last, and who ends within the horizon.

Source. The continuous-time form of Fader and Hardie, "How to project customer retention" (Journal of Interactive
Marketing 21, 2007): ends at a constant rate mu of one's own, mu ~ Gamma(s, beta) over customers, so survival is S(t) =
(beta / (beta + t))^s (a Lomax law) and retention rises with tenure as those who leave early have left. It needs no
renewal period, which sources do not deliver. P(end within h | running after t) = 1 - S(t + h) / S(t).
"""

import numpy as np

from scoring.prediction.histories import Floats
from scoring.prediction.optimise import Fit, maximise

PARAMETERS = ("s", "beta")
NAME = "exponential_gamma"


def fit(tenure: Floats, ended: Floats) -> Fit | None:
    """Maximum likelihood; `tenure` in weeks at the end (ended 1) or at as_of (still running, ended 0)."""
    order = np.lexsort((tenure, ended))
    t, e = tenure[order], ended[order]
    rate = max(float(e.sum()) / max(float(t.sum()), 1e-9), 1e-6)
    starts = [(1.0, 1.0 / rate), (3.0, 3.0 / rate)]
    return maximise(lambda theta: log_likelihood(theta, t, e), starts, len(t))


def log_likelihood(theta: Floats, tenure: Floats, ended: Floats) -> float:
    """Density of the ends, survival of the running."""
    s, beta = theta
    each = ended * np.log(s) + s * np.log(beta) - (s + ended) * np.log(beta + tenure)
    return float(np.sum(each))


def end_probability(theta: Floats, tenure: Floats, weeks: float | Floats) -> Floats:
    """P(ends within `weeks` | running after `tenure` weeks)."""
    s, beta = theta
    return np.asarray(-np.expm1(-s * np.log1p(weeks / (beta + tenure))))
