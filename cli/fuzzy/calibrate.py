"""From a target precision to a threshold: what share of the pairs above a weight is right.

Without labels the fitted mixture says: the precision of a set of pairs is the mean of their probabilities, tempered by
what identifiers held back say (`temper.py`). Counted are the pairs in doubt only: those that share an
address, a telephone or an id are joined anyway and would lend their certainty to the others. A merge must in itself be
three times likelier right than wrong. With clerical labels the labels say.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import duckdb

from cli.fuzzy.model import Model, Step

JOINS = ("email", "phone", "national_id")  # equal ones need no fuzzy link
CAPPED_AT = 0.999
LEAST_TO_MERGE = 0.75  # a merge must be likely right whatever the company it is in
LEAST_TO_REVIEW = 0.2
STEP = 0.25  # bits


def mixture_steps(
    con: duckdb.DuckDBPyConnection, weighed: str, stands_for: float, temper: float
) -> tuple[Step, ...]:
    """Calibration from scored training pairs: `weighed` has match_weight, doubtful; each row stands for so many pairs."""
    likely = f"least(1 / (1 + pow(2.0, -{temper} * greatest(least(match_weight, 900), -900))), {CAPPED_AT})"
    rows = con.execute(f"""
        select floor(match_weight / {STEP}) * {STEP} as weight, doubtful, count(*),
            sum(cast(round({likely} * 1000000) as bigint))
        from {weighed} group by all order by weight desc
    """).fetchall()
    scaled = [(w, doubtful, n * stands_for, right / 1e6 * stands_for) for w, doubtful, n, right in rows]
    highest = max((w for w, doubtful, _, _ in scaled if doubtful), default=-math.inf)
    # above the first pair in doubt there are only certain ones to go by
    above = [(w, n, right) for w, _, n, right in scaled if w > highest]
    return _cumulated(above) + _cumulated([(w, n, right) for w, doubtful, n, right in scaled if doubtful])


def with_labels(model: Model, pairs: Sequence[tuple[float, bool]]) -> Model:
    """The model with its calibration taken from clerical labels."""
    return replace(model, calibration=labelled_steps(pairs), calibrated_by="labels")


def labelled_steps(pairs: Sequence[tuple[float, bool]]) -> tuple[Step, ...]:
    """Calibration from clerical labels: (match_weight, is one person) of a fair sample of scored pairs."""
    bins: dict[float, list[float]] = {}
    for weight, right in pairs:
        held = bins.setdefault(math.floor(weight / STEP) * STEP, [0.0, 0.0])
        held[0] += 1
        held[1] += right
    return _cumulated([(w, bins[w][0], bins[w][1]) for w in sorted(bins, reverse=True)])


def _cumulated(rows: Sequence[tuple[float, float, float]]) -> tuple[Step, ...]:
    steps, n, right = [], 0.0, 0.0
    for (weight, here, right_here), marginal in zip(rows, _falling(rows), strict=True):
        n, right = n + here, right + right_here
        low, high = wilson(right, n)
        steps.append(Step(float(weight), round(n), right / n, low, high, marginal))
    return tuple(steps)


def _falling(rows: Sequence[tuple[float, float, float]]) -> list[float]:
    """Share of right pairs per step, pooled where a lower weight would look better than a higher one."""
    pools: list[list[float]] = []  # pairs, right ones, steps
    for _, here, right_here in rows:
        pools.append([here, right_here, 1])
        while len(pools) > 1 and pools[-1][1] * pools[-2][0] > pools[-2][1] * pools[-1][0]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    return [right / n for n, right, steps in pools for _ in range(int(steps))]


def wilson(right: float, n: float) -> tuple[float, float]:
    """95 % interval of a share."""
    z = 1.959963984540054
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(share * (1 - share), 0.0) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def thresholds(model: Model, merge_at: float, review_at: float) -> tuple[float, float]:
    """Match weights from which on a pair is merged, and is shown for review.

    Infinity when no weight reaches the target: then nothing is merged, or nothing shown.
    """
    merge = threshold(model, merge_at, LEAST_TO_MERGE)
    return merge, min(merge, threshold(model, review_at, LEAST_TO_REVIEW))


def threshold(model: Model, precision: float, least_marginal: float = LEAST_TO_MERGE) -> float:
    """Smallest weight from which on pairs reach `precision`, each of them at least `least_marginal`."""
    best = math.inf
    for step in model.calibration:
        if step.marginal < least_marginal:
            break
        # labels are few: there the lower end of the interval must hold; of the mixture the figure itself is the cautious one
        if (step.low if model.calibrated_by == "labels" else step.precision) >= precision:
            best = step.weight
    return best
