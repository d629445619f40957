"""Payments of subscriptions: against lives drawn from the law, the calendar, and what a back-test must refuse."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scoring.prediction import renewals
from scoring.prediction.facts import Columns
from scoring.prediction.fits import fit_models
from scoring.prediction.scores import score_renewals
from tests.unit.test_prediction_fits import settings

THETA = np.array([1.4, 40.0])


def test_payments_are_those_of_drawn_lives() -> None:
    """Rates of Gamma(s, beta), lives of each: the mean number of payments of who has lived t weeks."""
    rng = np.random.default_rng(3)
    rate = rng.gamma(THETA[0], 1 / THETA[1], 2_000_000)
    life = rng.exponential(1 / rate)
    for tenure, next_due, months, days in (
        (10.0, 12, 1, 0),
        (60.0, 300, 12, 0),
        (0.0, 3, 0, 7),
        (25.0, 90, 3, 0),
    ):
        left = (life[life > tenure] - tenure) * 7
        length = days or months * 365 / 12
        due = next_due + length * np.arange(12 / months if months else (365 - next_due) // days + 1)
        drawn = np.minimum(due, 365)[None, :] < left[:200_000, None]
        dues = renewals.due_days(np.array([next_due]), np.array([months]), np.array([days]), 365)
        found = renewals.expected_payments(THETA, np.array([tenure]), dues, np.array([np.nan]))

        assert found[0] == pytest.approx(drawn.sum(axis=1).mean(), rel=0.02)


@pytest.mark.parametrize(("months", "payments"), [(1, 12), (2, 6), (3, 4), (6, 2), (12, 1)])
def test_a_year_has_each_month_once(months: int, payments: int) -> None:
    """Whatever the day of the next payment; longer periods have one payment or none."""
    for next_due in (1, 15, 28 * months, 31 * months if months < 12 else 365):
        dues = renewals.due_days(np.array([next_due]), np.array([months]), np.array([0]), 365)

        assert sum(~np.isnan(one[0]) for one in dues) == payments
    assert len(renewals.due_days(np.array([400]), np.array([24]), np.array([0]), 365)) == 0
    assert len(renewals.due_days(np.array([300]), np.array([24]), np.array([0]), 365)) == 1


def test_a_declared_end_is_believed_and_without_a_law_there_is_no_guess() -> None:
    """What falls due before the end is paid; on the day of the end nothing is; no law, no figure."""
    dues = renewals.due_days(np.full(3, 10.0), np.full(3, 1.0), np.zeros(3), 365)
    end = np.array([10.0, 41.0, np.nan])

    assert renewals.expected_payments(None, np.ones(3), dues, end)[:2].tolist() == [0, 2]
    assert np.isnan(renewals.expected_payments(None, np.ones(3), dues, end)[2])
    assert 0 < renewals.expected_payments(THETA, np.ones(3), dues, end)[2] < 12
    worth = renewals.expected_payments(None, np.ones(3), dues, end, 0.1)[1]
    assert worth == pytest.approx(1.1 ** (-10 / 365) + 1.1 ** (-(10 + 365 / 12) / 365))


def company(size: int, price: float | None, stretch: float = 1.0) -> tuple[pa.Table, pa.Table]:
    """Spells and monthly prices of subscribers by the law; `stretch` times its ends in the last 90 days."""
    rng = np.random.default_rng(5)
    start = rng.integers(1, 900, size).astype(float)
    life = np.ceil(rng.exponential(1 / rng.gamma(THETA[0], 1 / THETA[1], size)) * 7)
    ended = np.where(start > life, start - life, np.nan)
    late = (ended < 90) & (rng.random(size) > stretch)
    ended[late] = np.nan
    spells = pa.table({"started_days": start, "ended_days": pa.array(ended, mask=np.isnan(ended))})
    names = {"spell_days": start, "started_days": start, "ended_days": ended}
    dues = 1 + rng.integers(0, 30, size).astype(float)
    names |= {"known_due_days": dues, "period_months": np.ones(size), "period_days": np.zeros(size)}
    names |= {"price": np.full(size, np.nan if price is None else price)}
    return spells, pa.table({name: pa.array(one, mask=np.isnan(one)) for name, one in names.items()})


def attempt(spells: pa.Table, prices: pa.Table, **changed: float) -> list[dict[str, Any]]:
    """Rows of the model of payments."""
    empty = pa.table({"repeats": pa.array([], pa.float64())})
    models = ["exponential_gamma", "subscription_revenue"]
    rows = fit_models(settings(horizon_days=90, **changed), models, empty, spells, [], prices).to_pylist()
    return [row for row in rows if row["model"] == "subscription_revenue"]


def test_a_forecast_is_held_against_what_fell_due() -> None:
    """A law that holds is near; the sums of the tenths are the whole; the attempt says on how many it rests."""
    rows = attempt(*company(3000, 10.0))
    whole = next(row for row in rows if row["part"] == "backtest" and row["decile"] == 0)
    tenths = [row for row in rows if row["part"] == "backtest" and row["decile"]]
    (told,) = [row for row in rows if row["part"] == "parameter"]

    assert told["refused_because"] is None
    assert told["n"] == whole["n"]
    assert abs(told["backtest_error"]) < 0.05
    assert sum(row["actual_revenue"] for row in tenths) == pytest.approx(whole["actual_revenue"])
    assert sum(row["predicted_revenue"] for row in tenths) == pytest.approx(whole["predicted_revenue"])


def test_a_forecast_is_refused_with_the_floor_or_the_error_named() -> None:
    """Few payments, a law of ends that is refused, and money that was missed."""
    spells, prices = company(3000, 10.0)
    few = prices.set_column(6, "price", pa.array([10.0] * 10 + [None] * (len(prices) - 10), pa.float64()))
    (short,) = attempt(spells, few)
    (lawless,) = attempt(spells.slice(0, 20), prices)
    missed = attempt(spells, prices, max_total_error=1e-9)

    assert "min_outcomes" in short["refused_because"]
    assert "payments of" in short["refused_because"]
    assert "min_ended_subscriptions" in lawless["refused_because"]
    assert "max_total_error" in missed[0]["refused_because"]


def test_scores_need_the_back_test_and_a_declared_end_does_not() -> None:
    """Refused payments leave the undeclared null; money is price times payments."""
    rows: dict[str, list[float | None]] = {
        "price": [10.0, 10.0],
        "spell_days": [100.0, 100.0],
        "next_due_days": [5.0, 5.0],
    }
    rows |= {"period_months": [1.0, 1.0], "period_days": [0.0, 0.0], "ends_in_days": [None, 40.0]}
    prices = pa.table({"customer_id": ["a", "b"], **{k: pa.array(v, pa.float64()) for k, v in rows.items()}})
    law = {"exponential_gamma": THETA}
    refused = score_renewals(settings(), law, prices).to_pylist()
    used = score_renewals(settings(), law | {"subscription_revenue": np.array([])}, prices).to_pylist()

    assert [row["revenue_12m"] for row in refused] == [None, 20.0]
    assert used[1] == refused[1]
    assert 20 < used[0]["revenue_12m"] < 120
    assert used[0]["clv_12m"] is None
    assert len(Columns(prices)) == 2
