"""An attempt at a model as rows of `customer.model_runs`: its parameters, or that it was refused, and its back-test."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scoring.prediction.backtest import Backtest
from scoring.prediction.optimise import Fit
from scoring.prediction.settings import Settings


@dataclass(frozen=True)
class Attempt:
    """What came of one model. `error`: of the back-test; `lacks_data`: worth another try as soon as there are more.

    `n`: what a model without parameters of its own rests on.
    """

    model: str
    parameters: Sequence[str] = ()
    fit: Fit | None = None
    backtest: Backtest | None = None
    refused_because: str | None = None
    error: float | None = None
    lacks_data: bool = False
    n: int | None = None


def schema() -> Any:
    """Columns of `customer.model_runs`, in order."""
    import pyarrow as pa

    texts = ("part", "model", "name", "settings", "refused_because", "run_id")
    numbers = ("fit_seq", "horizon_days", "n", "decile")
    doubles = (
        "value", "log_likelihood", "backtest_error", "predicted_rate", "actual_rate", "actual_low", "actual_high",
        "lift", "recency_lift", "predicted_orders", "actual_orders", "predicted_revenue", "actual_revenue",
        "brier_score", "base_brier_score", "recency_brier_score",
    )  # fmt: skip
    fields = [pa.field(name, pa.string()) for name in texts]
    fields += [pa.field(name, pa.int64()) for name in numbers]
    fields += [pa.field(name, pa.float64()) for name in doubles]
    fields += [pa.field("lacks_data", pa.bool_()), pa.field("week_start", pa.date32())]
    return pa.schema(
        [*fields, pa.field("cutoff_on", pa.date32()), pa.field("fitted_as_of", pa.timestamp("us"))]
    )


def rows_of(settings: Settings, attempts: Sequence[Attempt], first_seq: int) -> Any:
    """Arrow rows in the order of the attempts, `fit_seq` counting on from `first_seq`."""
    import pyarrow as pa

    rows: list[dict[str, object]] = []
    for seq, attempt in enumerate(attempts, start=first_seq):
        common = {
            "model": attempt.model, "settings": settings.text, "refused_because": attempt.refused_because,
            "run_id": settings.run_id, "fit_seq": seq, "horizon_days": settings.horizon_days,
            "backtest_error": attempt.error, "lacks_data": attempt.lacks_data, "week_start": settings.week_start,
            "cutoff_on": settings.cutoff_on, "fitted_as_of": settings.as_of,
        }  # fmt: skip
        rows += [common | {"part": "parameter"} | one for one in _parameters(attempt)]
        rows += [common | {"part": "backtest"} | one for one in _backtest(attempt.backtest)]
    return pa.Table.from_pylist(rows, schema=schema())


def _parameters(attempt: Attempt) -> list[dict[str, object]]:
    fit = attempt.fit
    if fit is None:
        return [{"name": "none", "n": attempt.n}]
    return [
        {"name": name, "value": float(number), "n": fit.n, "log_likelihood": fit.log_likelihood}
        for name, number in zip(attempt.parameters, fit.theta, strict=True)
    ]


def _backtest(result: Backtest | None) -> list[dict[str, object]]:
    if result is None:
        return []
    whole = {
        name: getattr(result, name) for name in ("brier_score", "base_brier_score", "recency_brier_score")
    }
    return [
        asdict(row)
        | {"n": round(row.n), "backtest_error": result.calibration_error}
        | (whole if row.decile == 0 else {})
        for row in result.rows
    ]
