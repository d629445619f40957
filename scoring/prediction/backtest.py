"""Predicted against actual in a period the model has not seen: deciles, lift, Brier score, and what is too bad to be shown.

People with one score are one group and are spread over the deciles they reach into, so no figure depends on an order
among equals.
"""

from dataclasses import dataclass, field

import numpy as np

from scoring.prediction.histories import Floats

Z = 1.959963984540054
DECILES = 10


@dataclass(frozen=True)
class Row:
    """One decile (10 = highest scores) or, as 0, everybody. Rates are of the event: no order, or an end."""

    decile: int
    n: float
    predicted_rate: float
    actual_rate: float
    actual_low: float
    actual_high: float
    lift: float | None
    recency_lift: float | None
    predicted_orders: float | None = None
    actual_orders: float | None = None
    predicted_revenue: float | None = None
    actual_revenue: float | None = None


@dataclass(frozen=True)
class Backtest:
    """All rows (everybody first), and the measures of the whole."""

    rows: list[Row]
    brier_score: float
    base_brier_score: float
    recency_brier_score: float
    # standard errors by which the model's squared error is above that of the rule
    behind_rule: float
    calibration_error: float
    sums: dict[str, float] = field(default_factory=dict)

    @property
    def all(self) -> Row:
        """The row of everybody."""
        return self.rows[0]

    @property
    def top(self) -> Row:
        """The tenth with the highest scores."""
        return self.rows[-1]


def shares(score: Floats) -> Floats:
    """How much of each person lies in each decile, 1 to 10 by rising score: shape (n, 10), rows sum to 1."""
    _, group, count = np.unique(score, return_inverse=True, return_counts=True)
    upper = np.cumsum(count)[:, None] * DECILES / len(score)
    lower = upper - count[:, None] * DECILES / len(score)
    edge = np.arange(DECILES)[None, :]
    overlap = np.clip(np.minimum(upper, edge + 1) - np.maximum(lower, edge), 0, None)
    return np.asarray((overlap / (upper - lower))[group.ravel()])


def wilson(successes: float, n: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    rate, spread = successes / n, Z**2 / n
    centre = (rate + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * float(np.sqrt(rate * (1 - rate) / n + spread / (4 * n)))
    return max(0.0, centre - half), min(1.0, centre + half)


def backtest(predicted: Floats, happened: Floats, rule: Floats, **amounts: Floats) -> Backtest:
    """Compare. Shapes: n each; `happened` is 0 or 1, `rule` a score that a person without a model would sort by.

    `amounts` are summed per decile: predicted_orders, actual_orders, predicted_revenue, actual_revenue.
    """
    base, inside, by_rule = float(np.mean(happened)), shares(predicted), shares(rule)
    tenth = len(predicted) / DECILES
    rows = [_row(0, np.ones(len(predicted)), predicted, happened, None, amounts)]
    for number in range(DECILES):
        weight = inside[:, number]
        ruled = float(by_rule[:, number] @ happened) / tenth / base if base else None
        rows.append(_row(number + 1, weight, predicted, happened, (base, ruled), amounts))
    gaps = [abs(row.predicted_rate - row.actual_rate) for row in rows[1:]]
    # the rule as a probability: the rate of one's tenth by the rule, known in hindsight, which flatters it
    ruled_error = (by_rule @ (by_rule.T @ happened / tenth) - happened) ** 2
    error = (predicted - happened) ** 2
    return Backtest(
        rows,
        float(np.mean(error)),
        base * (1 - base),
        float(np.mean(ruled_error)),
        _standard_errors(error - ruled_error),
        float(np.mean(gaps)),
        {name: float(values.sum()) for name, values in amounts.items()},
    )


def _row(
    decile: int, weight: Floats, predicted: Floats, happened: Floats,
    lifts: tuple[float, float | None] | None, amounts: dict[str, Floats],
) -> Row:  # fmt: skip
    n = float(weight.sum())
    actual = float(weight @ happened)
    low, high = wilson(actual, n)
    base, ruled = lifts or (0.0, None)
    sums = {name: float(weight @ values) for name, values in amounts.items()}
    lift = actual / n / base if base else None
    return Row(decile, n, float(weight @ predicted) / n, actual / n, low, high, lift, ruled, **sums)


def _standard_errors(differences: Floats) -> float:
    spread = float(np.std(differences)) / float(np.sqrt(len(differences)))
    return float(np.mean(differences)) / spread if spread else 0.0


def too_bad(result: Backtest, max_calibration_error: float) -> str | None:
    """Why these predictions must not be shown; None when they may."""
    if result.brier_score >= result.base_brier_score:
        return (
            f"back-test: squared error {result.brier_score:.4f}, no better than saying the base rate"
            f" {result.all.actual_rate:.3f} of everybody ({result.base_brier_score:.4f})"
        )
    if result.behind_rule > Z:
        return (
            f"back-test: squared error {result.brier_score:.4f}, above {result.recency_brier_score:.4f} of a rule that"
            " knows recency alone"
        )
    if result.calibration_error > max_calibration_error:
        return (
            f"back-test: predicted and actual rates differ by {result.calibration_error:.3f} on average over the"
            f" deciles, more than {max_calibration_error} (prediction.max_calibration_error)"
        )
    return None
