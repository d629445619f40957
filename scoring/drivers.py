"""What goes with a score: relative importance of drivers (LMG) with bootstrap intervals, and the size of each association.

outcome y (n), drivers X (n, p), respondents (n)  ->  one `Driver` per column of X

LMG (Lindeman, Merenda and Gold 1980; Groemping 2006) shares out R^2: a driver's importance is what it adds to R^2, averaged
over all orders in which drivers can enter, which is its Shapley value. All 2^p models are computed at once from the
covariance matrix by taking one driver after the other in or out (Schur complements). Effects are the coefficients
of the full linear model: points of the outcome per unit of the driver, the others held equal.

It is association, never cause: nothing here knows what would have happened otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import erfc, factorial, sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RESAMPLES = 1000
MAX_DRIVERS = 12
MAX_GROUPS = 2000
"""Respondents beyond this are gathered at random into so many groups, which are drawn whole: the variance stays the same."""
CHUNK = 100
TINY = 1e-10


@dataclass(frozen=True)
class Driver:
    """One driver: its share of R^2 (0 to 1) and its effect, each with a 95 % interval; p-values of the effect."""

    importance: float
    importance_low: float
    importance_high: float
    effect: float
    effect_low: float
    effect_high: float
    p_value: float
    p_adjusted: float


@dataclass(frozen=True)
class Fit:
    """R^2 of the full model and its drivers, in the order of the columns."""

    r_squared: float
    drivers: tuple[Driver, ...]


def needed(drivers: int) -> int:
    """Respondents below which nothing is said: 50 + 8 p (Green 1991)."""
    return 50 + 8 * drivers


def analyse(y: Floats, x: Floats, respondents: Ints, seed: int = 0, resamples: int = RESAMPLES) -> Fit:
    """Importance and effect of the columns of `x` (n, p) for `y` (n); `respondents` (n) are numbers of people.

    Intervals are percentiles over `resamples` draws of whole respondents, the same for the same seed. p-values are of
    effect over its bootstrap standard error, two-sided normal, corrected by Holm over the drivers.
    Raises ValueError where y or a column of x does not vary, or p is above MAX_DRIVERS.
    """
    if x.shape[1] > MAX_DRIVERS:
        raise ValueError(f"{x.shape[1]} drivers: more than {MAX_DRIVERS} give 2^p models too many")
    if np.ptp(y) == 0 or (x.size and (np.ptp(x, axis=0) == 0).any()):
        raise ValueError("an outcome or a driver that does not vary explains nothing")
    rng = np.random.default_rng(seed)
    # every column in its own standard units: sums of squares of hours and of ratings fit one matrix
    data = np.column_stack([x, y])
    scale = data.std(axis=0)
    data = (data - data.mean(axis=0)) / scale
    moments = _group_moments(data, _groups(respondents, rng))
    point = _covariances(moments.sum(axis=0)[None])
    shares, slopes = lmg(point)[0], _slopes(point)[0]
    drawn = [_drawn(moments, size, rng) for size in _chunks(resamples)]
    many_shares = np.concatenate([lmg(one) for one in drawn])
    many_slopes = np.concatenate([_slopes(one) for one in drawn])
    units = scale[-1] / scale[:-1]
    found = _drivers(shares, many_shares, slopes * units, many_slopes * units)
    return Fit(float(shares.sum()), tuple(found))


def lmg(covariances: Floats) -> Floats:
    """Shares of R^2 (b, p) from covariance matrices (b, p + 1, p + 1) whose last variable is the outcome."""
    p = covariances.shape[1] - 1
    total = covariances[:, -1, -1]
    r_squared = 1 - _residuals(covariances) / np.where(total > 0, total, 1)[None]
    sizes = np.array([bin(number).count("1") for number in range(1 << p)])
    weights = np.array([factorial(k) * factorial(p - k - 1) / factorial(p) for k in range(p)])
    shares = np.empty((covariances.shape[0], p))
    for driver in range(p):
        # the first driver is the highest bit: see _residuals
        bit = 1 << (p - 1 - driver)
        without = np.flatnonzero((np.arange(1 << p) & bit) == 0)
        gains = r_squared[without | bit] - r_squared[without]
        shares[:, driver] = weights[sizes[without]] @ gains
    return shares


def _residuals(covariances: Floats) -> Floats:
    """Unexplained variance of the outcome in each of the 2^p models (2^p, b); driver 0 is the highest bit of a model's number."""
    states = covariances[None]
    while states.shape[2] > 1:
        pivot = states[:, :, 0, 0]
        row = states[:, :, 0, 1:]
        rest = states[:, :, 1:, 1:]
        # a driver that the ones before it explain whole adds nothing
        usable = pivot > TINY
        factor = np.where(usable, 1 / np.where(usable, pivot, 1), 0)
        taken = rest - row[..., :, None] * row[..., None, :] * factor[..., None, None]
        states = np.stack([rest, taken], axis=1).reshape(-1, *rest.shape[1:])
    return states[:, :, 0, 0]


def _slopes(covariances: Floats) -> Floats:
    """Coefficients of the full model (b, p)."""
    inverse = np.linalg.pinv(covariances[:, :-1, :-1], rcond=TINY, hermitian=True)
    return np.asarray(np.einsum("bij,bj->bi", inverse, covariances[:, :-1, -1]))


def _groups(respondents: Ints, rng: np.random.Generator) -> Ints:
    """Number of the group each row is drawn with: its respondent, or a random bundle of them."""
    _, people = np.unique(respondents, return_inverse=True)
    count = int(people.max()) + 1
    if count <= MAX_GROUPS:
        return people.astype(np.int64)
    return rng.permutation(count)[people] % MAX_GROUPS


def _group_moments(data: Floats, groups: Ints) -> Floats:
    """Sums of products of (1, data) per group (g, q, q)."""
    ones = np.column_stack([np.ones(len(data)), data])
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    q = ones.shape[1]
    moments = np.empty((len(starts), q, q))
    for column in range(q):
        moments[:, column] = np.add.reduceat(ones[order] * ones[order, column, None], starts, axis=0)
    return moments


def _covariances(moments: Floats) -> Floats:
    """Covariances (b, p + 1, p + 1) from sums of products of (1, data) (b, q, q)."""
    n = moments[:, 0, 0][:, None, None]
    means = moments[:, 0, 1:] / n[:, :, 0]
    return np.asarray(moments[:, 1:, 1:] / n - means[:, :, None] * means[:, None, :])


def _drawn(moments: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Covariances of `size` samples of whole groups, drawn with replacement."""
    groups = len(moments)
    counts = rng.multinomial(groups, np.full(groups, 1 / groups), size=size).astype(np.float64)
    summed = counts @ moments.reshape(groups, -1)
    return _covariances(summed.reshape(size, *moments.shape[1:]))


def _chunks(resamples: int) -> Iterator[int]:
    for start in range(0, resamples, CHUNK):
        yield min(CHUNK, resamples - start)


def _drivers(shares: Floats, many_shares: Floats, effects: Floats, many_effects: Floats) -> Iterator[Driver]:
    low, high = np.percentile(many_shares, [2.5, 97.5], axis=0)
    effect_low, effect_high = np.percentile(many_effects, [2.5, 97.5], axis=0)
    spread = many_effects.std(axis=0, ddof=1)
    distance = np.abs(effects) / np.where(spread > 0, spread, np.inf)
    p_values = np.array([erfc(one / sqrt(2)) for one in distance])
    adjusted = holm(p_values)
    for row in zip(shares, low, high, effects, effect_low, effect_high, p_values, adjusted, strict=True):
        yield Driver(*(float(value) for value in row))


def holm(p_values: Floats) -> Floats:
    """p-values corrected for their number (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    raised = np.minimum(1, np.maximum.accumulate(p_values[order] * factors))
    out = np.empty_like(raised)
    out[order] = raised
    return out
