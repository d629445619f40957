"""The statistics: a mixture of four kinds of pairs, fitted by expectation-maximisation over all candidate pairs.

Fellegi-Sunter knows two kinds: the same person, and two at random. People also come in families: twins, parents and
children of one name share surname, address and telephone, and two classes cannot tell them from one person with an
error. In the third class, relatives, a comparison agrees like one person's records with probability `shared`, because they
are relatives, and otherwise like two at random; family name and address always, the rest as the data say. The fourth
class are namesakes: names agree like one person's, everything else like two at random. Without it they have no place
but the matched class; there they teach it that one person has many telephones and addresses, and it takes in more.

What makes it robust where Splink's own training is not:
* the prior is part of the fit over all pairs of the data (a pair no rule finds counts as no match), not the number
  of pairs that exact rules happen to find: it cannot be 0, and no logarithm of 0 is taken;
* one fit over the union of all rules instead of one per rule: no comparison is left out;
* chance agreement (u) is what all random pairs show less what the matches among them explain: in small data most
  equal e-mail addresses are duplicates, and taking them for chance would make the best evidence worthless;
* every grade starts from a weak belief, so no weight is infinite and none flips because three pairs say so;
* whole names meet by chance more often than their parts would if they were independent (names of one culture travel
  together), but not without bound: else copies with errors elsewhere would be taken for namesakes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cli.fuzzy.levels import STRENGTH, Comparison

Floats = NDArray[np.float64]
ROUNDS = 500
TOLERANCE = 1e-7
KIN_STRENGTH = 50.0
MOST_SHARED = 0.6
NAMES = ("given", "family")
STARTS = (
    0.2,
    0.02,
    0.2,
)  # pairs per record that are one person, relatives, namesakes, before any data are seen
MOST_TOGETHER = 10.0  # as if the people came from ten cultures of one size that share no name
U_FLOOR = 0.02  # at least this part of an observed agreement rate is chance


@dataclass
class Fit:
    """Parameters after the fit; lists follow the comparisons, grades from worst (0) to best."""

    m: list[Floats]
    u: list[Floats]
    shared: list[float]
    match_share: float
    relative_share: float
    namesake_share: float
    expected_matches: float
    support: list[float]
    rounds: int


@dataclass
class Observed:
    """What is counted once before the fit."""

    patterns: NDArray[np.int64]  # one row per distinct pattern of grades, -1 silent
    counts: Floats
    all_pairs: float
    random: list[Floats]  # share of each grade among random pairs
    chance_floor: list[Floats]


def fit(comparisons: Sequence[Comparison], observed: Observed, records: int) -> Fit:
    """Fit the mixture; deterministic for given counts."""
    usual = [np.array([level.usual for level in c.levels][::-1]) for c in comparisons]
    usual = [belief / belief.sum() for belief in usual]
    m = [belief.copy() for belief in usual]
    u = [share.copy() for share in observed.random]
    least = 0.5 / observed.all_pairs
    match, related, alike = (max(least, part * records / observed.all_pairs) for part in STARTS)
    most = 20.0 * records / observed.all_pairs
    shared = [c.shared for c in comparisons]
    support = [0.0] * len(comparisons)
    matches, rounds = 0.0, 0
    for rounds in range(1, ROUNDS + 1):  # noqa: B007
        same, relatives, namesakes = (
            chance * observed.counts
            for chance in _expect(observed.patterns, comparisons, m, u, shared, match, related, alike)
        )
        matches = float(same.sum())
        before = match
        match = float(np.clip(matches / observed.all_pairs, least, min(most, 0.5)))
        related = float(np.clip(relatives.sum() / observed.all_pairs, least, min(most, 0.3)))
        alike = float(np.clip(namesakes.sum() / observed.all_pairs, least, 0.1))
        for i in range(len(comparisons)):
            if 0 < comparisons[i].shared < 1:
                kin = _tally(observed.patterns[:, i], relatives, len(m[i]))
                shared[i] = _shared(kin, m[i], u[i], shared[i], comparisons[i].shared)
            seen = _tally(observed.patterns[:, i], same, len(m[i]))
            support[i] = float(seen.sum())
            m[i] = (seen + STRENGTH * usual[i]) / (support[i] + STRENGTH)
            u[i] = _chance(observed.random[i], observed.chance_floor[i], m[i], match)
        _bound_namesakes(comparisons, u)
        if abs(match - before) < TOLERANCE * match:
            break
    return Fit(m, u, shared, match, related, alike, matches, support, rounds)


def _bound_namesakes(comparisons: Sequence[Comparison], u: Sequence[Floats]) -> None:
    """Keep the chance of a common whole name within reason of the chances of its parts; `u` is changed in place."""
    place = {comparison.name: i for i, comparison in enumerate(comparisons)}
    if not {"given", "family"} <= set(place):
        return
    given, family = u[place["given"]], u[place["family"]]
    alone = next(
        i for i, level in enumerate(comparisons[place["given"]].levels[::-1]) if level.term == "given"
    )
    apart = (given[-1] + given[alone]) * family[-1]
    given[-1] = min(given[-1], MOST_TOGETHER * apart)
    given /= given.sum()


def _shared(kin: Floats, m: Floats, u: Floats, now: float, usual: float) -> float:
    """How often relatives agree because they are relatives; a weak belief in the usual keeps it off 0 and 1."""
    because = now * m / (now * m + (1 - now) * u)
    share = float((kin * because).sum() + KIN_STRENGTH * usual) / float(kin.sum() + KIN_STRENGTH)
    return min(share, MOST_SHARED)


def _expect(
    patterns: NDArray[np.int64],
    comparisons: Sequence[Comparison],
    m: Sequence[Floats],
    u: Sequence[Floats],
    shared: Sequence[float],
    match: float,
    related: float,
    alike: float,
) -> tuple[Floats, Floats, Floats]:
    """Probability of each pattern to be one person, relatives, and namesakes."""
    same = np.full(len(patterns), np.log(match))
    kin = np.full(len(patterns), np.log(related))
    named = np.full(len(patterns), np.log(alike))
    for i in range(len(m)):
        ratio = m[i] / u[i]
        grades = patterns[:, i]
        told = grades >= 0
        same[told] += np.log(ratio)[grades[told]]
        kin[told] += np.log(1 - shared[i] + shared[i] * ratio)[grades[told]]
        if comparisons[i].name in NAMES:
            named[told] += np.log(ratio)[grades[told]]
    rest = np.full(len(patterns), np.log(max(1 - match - related - alike, 1e-9)))
    classes = np.exp(np.array([same, kin, named, rest]) - np.maximum.reduce([same, kin, named, rest]))
    one, two, three = classes[:3] / classes.sum(axis=0)
    return one, two, three


def _tally(grades: NDArray[np.int64], weights: Floats, size: int) -> Floats:
    told = grades >= 0
    return np.bincount(grades[told], weights=weights[told], minlength=size).astype(np.float64)


def _chance(random: Floats, floor: Floats, m: Floats, match: float) -> Floats:
    """Chance agreement: what random pairs show, less the matches among them."""
    chance = np.maximum((random - match * m) / (1 - match), np.maximum(U_FLOOR * random, floor))
    shares: Floats = chance / chance.sum()
    return shares
