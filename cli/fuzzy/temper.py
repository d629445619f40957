"""How far the model can be believed: what the data say when one identifier is held back.

Comparisons depend on each other more than a mixture knows, and namesakes can pass for one person; both make weights
too bold, and the mixture itself cannot see it. A telephone, an address or an id that is *held back* can: where the
other comparisons say `the same person, surely`, it must agree as often as it does among the surest pairs of all. Where it
agrees less often, the others were too bold. `temper` is the power of the odds under which the held-back
identifiers agree as often as expected; a usual value counts as much as `STRENGTH` pairs.
"""

from collections.abc import Sequence

import numpy as np

from cli.fuzzy.levels import Comparison
from cli.fuzzy.mixture import NAMES, Fit, Floats, Observed

HELD_BACK = ("email", "phone", "national_id")
USUAL = 0.7
STRENGTH = 20.0
STEPS = tuple(round(0.3 + 0.05 * i, 2) for i in range(15))  # 0.3 to 1.0
SURE = 6.0  # bits without the identifier held back: the surest pairs
LEAST_SURE = 20.0


def temper(comparisons: Sequence[Comparison], observed: Observed, fitted: Fit) -> float:
    """The power of the odds, between 0.3 and 1, that the identifiers held back speak for."""
    same, kin = _ratios(observed, fitted)
    named = same[:, [i for i, comparison in enumerate(comparisons) if comparison.name in NAMES]]
    likelihood = np.zeros(len(STEPS))
    for i, comparison in enumerate(comparisons):
        if comparison.name in HELD_BACK:
            likelihood += _likelihood(i, same, kin, named, observed, fitted)
    # what is usual, as if so many pairs had shown it: their odds are even there
    usual = 1 / (1 + np.exp2(-np.array(STEPS)))
    expected = 1 / (1 + 2.0**-USUAL)
    likelihood += STRENGTH * (expected * np.log(usual) + (1 - expected) * np.log(1 - usual))
    return STEPS[int(np.argmax(likelihood))]


def _ratios(observed: Observed, fitted: Fit) -> tuple[Floats, Floats]:
    """Per pattern and comparison: log of m / u for one person, and for relatives."""
    same = np.zeros(observed.patterns.shape)
    kin = np.zeros(observed.patterns.shape)
    for i, (m, u, shared) in enumerate(zip(fitted.m, fitted.u, fitted.shared, strict=True)):
        grades = observed.patterns[:, i]
        told = grades >= 0
        same[told, i] = np.log(m / u)[grades[told]]
        kin[told, i] = np.log(1 - shared + shared * m / u)[grades[told]]
    return same, kin


def _likelihood(i: int, same: Floats, kin: Floats, named: Floats, observed: Observed, fitted: Fit) -> Floats:
    """Log likelihood, per step, of how often comparison `i` agrees among pairs the others believe in."""
    rest = 1 - fitted.match_share - fitted.relative_share - fitted.namesake_share
    one = np.log(fitted.match_share) + same.sum(axis=1) - same[:, i]
    two = np.log(fitted.relative_share) + kin.sum(axis=1) - kin[:, i]
    three = np.log(fitted.namesake_share) + named.sum(axis=1)
    unrelated = np.logaddexp(three, np.log(rest))
    bits = (one - np.logaddexp(two, unrelated)) / np.log(2)
    related = 1 / (1 + np.exp(unrelated - two))  # of those that are not one person

    agreeing = fitted.m[i] > fitted.u[i]
    grades = observed.patterns[:, i]
    told = grades >= 0
    agrees = np.zeros(len(grades), dtype=bool)
    agrees[told] = agreeing[grades[told]]
    chance = float(fitted.u[i][agreeing].sum())
    sure = told & (bits >= SURE)
    share = float(fitted.m[i][agreeing].sum())
    if observed.counts[sure].sum() >= LEAST_SURE:
        # of a matched class with strangers in it the surest pairs say more than its average
        share = max(share, float(observed.counts[sure & agrees].sum() / observed.counts[sure].sum()))
    share = min(max(share, 0.01), 0.999)

    asked = told & (bits > 0)
    kinship = chance + related[asked] * fitted.shared[i] * max(share - chance, 0.0)
    found = np.zeros(len(STEPS))
    for step, power in enumerate(STEPS):
        right = 1 / (1 + np.exp2(-power * bits[asked]))
        expected = np.clip(right * share + (1 - right) * kinship, 1e-6, 1 - 1e-6)
        counts = observed.counts[asked]
        found[step] = float((counts * np.where(agrees[asked], np.log(expected), np.log(1 - expected))).sum())
    return found
