"""Gamma-Gamma: what an order of a customer is worth, from what their repeat orders were worth.

Source. Fader and Hardie, "The Gamma-Gamma model of monetary value" (2013): values of one customer ~ Gamma(p, nu), nu ~
Gamma(q, gamma), independent of how often they buy; so a company where the two correlate is refused (fits.py). Expected
value given x orders of mean z: p (gamma + x z) / (p x + q - 1); without repeats the mean of all, p gamma / (q - 1).
"""

import numpy as np

from scoring.prediction.histories import Floats
from scoring.prediction.optimise import Fit, Sloped, maximise

PARAMETERS = ("p", "q", "gamma")
NAME = "gamma_gamma"


def fit(repeats: Floats, values: Floats) -> Fit | None:
    """Maximum likelihood over customers with at least one repeat order; `values`: mean of the repeats, above zero."""
    order = np.lexsort((values, repeats))  # sums of doubles depend on the order, and that of SQL is any
    x, scale = repeats[order], float(np.mean(values[order]))
    z = values[order] / scale
    # likelihoods per unit of money differ by the factor scale^-n
    found = maximise(with_slopes(x, z), [(2.0, 3.0, 1.0), (6.0, 4.0, 0.5)], len(x), has_slopes=True)
    if found is None:
        return None
    theta = found.theta * np.array([1.0, 1.0, scale])
    return Fit(theta, found.log_likelihood - len(x) * float(np.log(scale)), found.n)


def log_likelihood(theta: Floats, x: Floats, z: Floats) -> float:
    """Of mean values z over x orders each (the note's likelihood, in logarithms)."""
    from scipy.special import gammaln

    p, q, gamma = theta
    px = p * x
    each = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(gamma)
    each = each + (px - 1) * np.log(z) + px * np.log(x) - (px + q) * np.log(gamma + x * z)
    return float(np.sum(each))


def with_slopes(x: Floats, z: Floats) -> Sloped:
    """`log_likelihood` and its slopes in p, q and gamma, summed over equal x first: of each customer only a logarithm is left."""
    from scipy.special import gammaln, psi

    levels, level = np.unique(x, return_inverse=True)
    people = np.bincount(level).astype(float)
    logs, spent = np.bincount(level, weights=np.log(z)), x * z

    def told(theta: Floats) -> tuple[float, Floats]:
        p, q, gamma = theta
        px, whole = p * levels, gamma + spent
        logged, parts = np.log(whole), 1 / whole
        all_logs, logs_of_x = logged.sum(), x @ logged
        each = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(gamma) + px * np.log(levels)
        total = people @ each + (px - 1) @ logs - p * logs_of_x - q * all_logs
        by_p = (people * levels) @ (psi(px + q) - psi(px) + np.log(levels)) + levels @ logs - logs_of_x
        by_q = people @ (psi(px + q) - psi(q) + np.log(gamma)) - all_logs
        by_gamma = len(x) * q / gamma - p * (x @ parts) - q * parts.sum()
        return float(total), np.array([by_p, by_q, by_gamma])

    return told


def expected(theta: Floats, repeats: Floats, values: Floats) -> Floats:
    """Expected value of an order; `values` counts where repeats > 0 only. Needs q > 1, else it is without end."""
    p, q, gamma = theta
    spent = np.where(repeats > 0, repeats * np.maximum(np.nan_to_num(values), 0.0), 0.0)
    return np.asarray(p * (gamma + spent) / (p * repeats + q - 1))


def correlation(repeats: Floats, values: Floats) -> float:
    """How frequency and value go together: Pearson's or Spearman's coefficient, whichever is further from zero.

    The first can be hidden or made by one large order, the second sees ranks only. 0 where either does not vary.
    """
    from scipy.stats import rankdata

    if len(repeats) < 3 or np.ptp(repeats) == 0 or np.ptp(values) == 0:
        return 0.0
    pearson = float(np.corrcoef(repeats, values)[0, 1])
    spearman = float(np.corrcoef(rankdata(repeats), rankdata(values))[0, 1])
    return max(pearson, spearman, key=abs)
