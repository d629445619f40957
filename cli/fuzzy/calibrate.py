"""From a target precision to a threshold: what share of the pairs above a weight is right.

Without labels the fitted mixture says: the precision of a set of pairs is the mean of their probabilities. That is
optimistic where comparisons depend on each other, so the estimate is corrected downwards: probabilities are capped, and a
threshold must hold with the lower end of the interval. With clerical labels the labels say.
"""

import math
from collections.abc import Sequence

import duckdb

from cli.fuzzy.model import Model, Step

CAPPED_AT = 0.999
LEAST_MARGINAL = 0.5  # a merge must be more likely right than wrong, whatever the company it is in
STEP = 0.5  # bits


def mixture_steps(con: duckdb.DuckDBPyConnection, weighed: str, stands_for: float) -> tuple[Step, ...]:
    """Calibration from scored training pairs: `weighed` has match_weight and match_probability."""
    rows = con.execute(f"""
        select floor(match_weight / {STEP}) * {STEP} as weight, count(*),
            sum(cast(round(least(match_probability, {CAPPED_AT}) * 1000000) as bigint))
        from {weighed} group by weight order by weight desc
    """).fetchall()
    return _cumulated([(w, n * stands_for, right / 1e6 * stands_for) for w, n, right in rows])


def labelled_steps(pairs: Sequence[tuple[float, bool]]) -> tuple[Step, ...]:
    """Calibration from clerical labels: (match_weight, is one person) of a fair sample of scored pairs."""
    bins: dict[float, list[int]] = {}
    for weight, right in pairs:
        held = bins.setdefault(math.floor(weight / STEP) * STEP, [0, 0])
        held[0] += 1
        held[1] += int(right)
    return _cumulated([(w, float(bins[w][0]), float(bins[w][1])) for w in sorted(bins, reverse=True)])


def _cumulated(rows: Sequence[tuple[float, float, float]]) -> tuple[Step, ...]:
    steps, n, right = [], 0.0, 0.0
    for weight, here, right_here in rows:
        n, right = n + here, right + right_here
        low, high = wilson(right, n)
        steps.append(Step(float(weight), round(n), right / n, low, high, right_here / here))
    return tuple(steps)


def wilson(right: float, n: float) -> tuple[float, float]:
    """95 % interval of a share."""
    z = 1.959963984540054
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(share * (1 - share), 0.0) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def threshold(model: Model, precision: float, *, least_marginal: float = LEAST_MARGINAL) -> float:
    """Smallest weight from which on pairs reach `precision`, each of them at least `least_marginal`.

    Infinity when no weight does: then nothing is merged and everything goes to review.
    """
    best = math.inf
    for step in model.calibration:
        if step.marginal < least_marginal:
            break
        if step.precision >= precision:
            best = step.weight
    return best
