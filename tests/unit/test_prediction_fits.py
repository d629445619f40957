"""Back-tests counted by hand, refusals, and when a fit is made anew."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from scoring.prediction.backtest import backtest, shares, too_bad, wilson
from scoring.prediction.fits import fit_models, needed
from scoring.prediction.scores import discounted, parameters_in_force, score_contracts, score_customers
from scoring.prediction.settings import Settings
from tests import cdnow

NO_SPELLS = pa.table({"started_days": pa.array([], pa.int64()), "ended_days": pa.array([], pa.int64())})


def settings(**changes: Any) -> Settings:
    """Defaults of cdp.yml with the days of CDNOW."""
    facts: dict[str, Any] = {
        "as_of": datetime(1998, 6, 30, 12), "as_of_on": date(1998, 6, 30), "cutoff_on": date(1997, 9, 30),
        "week_start": date(1998, 6, 29), "run_id": "r1", "model": "mbg_nbd", "horizon_days": 273, "margin": None,
        "discount_rate": None, "min_customers": 500, "min_repeat_customers": 100, "min_outcomes": 50,
        "min_history_horizons": 1.9, "min_ended_subscriptions": 50, "max_calibration_error": 0.1,
        "max_total_error": 0.3, "max_value_correlation": 0.3,
    }  # fmt: skip
    return Settings(**(facts | changes))


def fitted(
    table: pd.DataFrame, chosen: Settings, before: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Rows of an attempt at the models of orders and of their value."""
    rhythms = pa.Table.from_pandas(table, preserve_index=False)
    models = needed(chosen, before or [], has_contracts=False)
    rows: list[dict[str, Any]] = fit_models(chosen, models, rhythms, NO_SPELLS, before or []).to_pylist()
    return rows


@pytest.fixture(scope="module")
def rhythms() -> pd.DataFrame:
    """CDNOW, 39 weeks known and 39 held out."""
    return cdnow.rhythms()


@pytest.fixture(scope="module")
def rows(rhythms: pd.DataFrame) -> list[dict[str, Any]]:
    """The attempt on it."""
    return fitted(rhythms, settings())


def test_equal_scores_are_spread_over_the_tenths_they_reach_into() -> None:
    """20 people: 15 share the lowest score and fill seven tenths and a half, whoever they are."""
    found = shares(np.array([0.5] * 15 + [0.9, 0.8, 0.7, 0.6, 0.95]))

    assert found.sum(axis=0) == pytest.approx(2)
    assert found[:15] == pytest.approx(np.tile([2 / 15] * 7 + [1 / 15, 0, 0], (15, 1)))
    assert found[18, 7] == 1
    assert found[[15, 19], 9] == pytest.approx([1, 1])


def test_a_back_test_counted_by_hand() -> None:
    """20 people in order of score; the rule sorts them the other way round."""
    predicted = np.linspace(0.05, 0.95, 20)
    happened = np.array([0.0] * 10 + [1.0] * 10)
    orders = np.arange(20.0)
    result = backtest(predicted, happened, -predicted, predicted_orders=orders, actual_orders=2 * orders)

    assert (result.all.n, result.all.predicted_rate, result.all.actual_rate) == pytest.approx((20, 0.5, 0.5))
    assert (result.top.n, result.top.lift, result.top.recency_lift) == pytest.approx((2, 2, 0))
    assert result.rows[1].predicted_orders == 0 + 1
    assert result.top.actual_orders == 2 * (18 + 19)
    assert result.sums == {"predicted_orders": 190, "actual_orders": 380}
    assert result.brier_score == pytest.approx(np.mean((predicted - happened) ** 2))
    assert result.base_brier_score == 0.25
    # its tenths are pure
    assert result.recency_brier_score == pytest.approx(0)
    gaps = [abs(predicted[i : i + 2].mean() - happened[i : i + 2].mean()) for i in range(0, 20, 2)]
    assert result.calibration_error == pytest.approx(np.mean(gaps))
    # 15 of 148: Newcombe 1998, table I
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_what_is_worse_than_the_base_rate_the_rule_or_its_word_is_not_shown() -> None:
    """Each reason by itself, and none for what is good."""
    generator = np.random.default_rng(1)
    truth = generator.uniform(0.05, 0.95, 4000)
    happened = (generator.random(4000) < truth).astype(float)
    noise = generator.random(4000)

    assert too_bad(backtest(truth, happened, noise), 0.1) is None
    assert "no better than saying the base rate" in str(too_bad(backtest(noise, happened, truth), 0.1))
    weak = 0.5 + 0.2 * (truth - 0.5)
    assert "knows recency alone" in str(too_bad(backtest(weak, happened, truth), 0.3))
    assert "max_calibration_error" in str(too_bad(backtest(truth**1.7, happened, noise), 0.1))


def test_cdnow_is_predicted_39_weeks_ahead(rhythms: pd.DataFrame, rows: list[dict[str, Any]]) -> None:
    """Nothing refused; the table adds up to the raw log; the model's tenth is at least as right as the rule's."""
    table = [row for row in rows if row["part"] == "backtest"]
    whole, tenths = table[0], table[1:]
    silent = (rhythms["holdout_orders"] == 0).mean()

    assert {row["refused_because"] for row in rows} == {None}
    assert [row["decile"] for row in tenths] == list(range(1, 11))
    assert sum(row["actual_orders"] for row in tenths) == pytest.approx(rhythms["holdout_orders"].sum())
    assert sum(row["actual_revenue"] for row in tenths) == pytest.approx(rhythms["holdout_revenue"].sum())
    assert whole["actual_rate"] == pytest.approx(silent)
    assert np.mean([row["actual_rate"] for row in tenths]) == pytest.approx(silent)
    assert whole["brier_score"] < whole["base_brier_score"]
    assert whole["backtest_error"] < 0.06
    assert whole["predicted_orders"] == pytest.approx(whole["actual_orders"], rel=0.17)


def test_the_fit_that_is_kept_is_that_of_all_that_is_known(
    rhythms: pd.DataFrame, rows: list[dict[str, Any]]
) -> None:
    """78 weeks, not the 39 of the back-test; the scores come from it and from the facts alone, in any order."""
    parameters = [row for row in rows if row["part"] == "parameter"]
    theta = parameters_in_force(parameters)
    table = pa.Table.from_pandas(rhythms, preserve_index=False)
    chosen = settings(margin=0.3, discount_rate=0.1)
    found = score_customers(chosen, theta, table).to_pandas().set_index("customer_id")
    turned = score_customers(chosen, theta, table.take(list(range(len(rhythms)))[::-1])).to_pandas()

    assert {row["n"] for row in parameters if row["model"] == "mbg_nbd"} == {2357}
    r, alpha, a, b = theta["mbg_nbd"]
    one = rhythms.set_index("customer_id").loc[1]
    x, last, age = one["repeats"], one["last_days"] / 7, one["age_days"] / 7

    def likelihood(until: float) -> float:
        return float((alpha + until) ** -(r + x) + a / (b + x) * (alpha + last) ** -(r + x))

    assert found.loc[1, "silent_prob"] == pytest.approx(likelihood(age + 39) / likelihood(age), abs=1e-6)
    p, q, gamma = theta["gamma_gamma"]
    worth = p * (gamma + x * one["repeat_value"]) / (p * x + q - 1)
    assert found.loc[1, "order_value"] == pytest.approx(worth, abs=0.006)
    assert found.loc[1, "revenue_12m"] == pytest.approx(worth * found.loc[1, "expected_orders_12m"], abs=0.01)
    assert (found["clv_12m"] < 0.3 * found["revenue_12m"] + 0.006).all()
    assert turned.set_index("customer_id").loc[found.index].equals(found)


def test_discounting_takes_each_month_in_its_middle() -> None:
    """One order a month at 21 % a year."""
    months = np.arange(1.0, 13)[None, :]

    assert discounted(months, 0.0)[0] == pytest.approx(12)
    assert discounted(months, 0.21)[0] == pytest.approx(sum(1.21 ** -((m + 0.5) / 12) for m in range(12)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"min_customers": 2358}, "2357 customers had bought by 1997-09-30.* 2358 are needed"),
        ({"min_repeat_customers": 947}, "946 customers had bought on two days.* 947 are needed"),
        ({"min_history_horizons": 2.1}, r"go back 545 days; 2.1 times the horizon of 273 days"),
        ({"min_outcomes": 900}, "of 2357 customers bought after 1997-09-30; 900 who did"),
    ],
)
def test_below_a_floor_nothing_is_fitted_and_the_floor_is_named(
    rhythms: pd.DataFrame, changes: dict[str, Any], reason: str
) -> None:
    """Counts and the setting are in the reason; both models say it; no parameters, no back-test."""
    found = fitted(rhythms, settings(**changes))

    assert [(row["part"], row["name"], row["lacks_data"]) for row in found] == [
        ("parameter", "none", True)
    ] * 2
    assert all(pd.Series([row["refused_because"]]).str.contains(reason).all() for row in found)
    assert parameters_in_force(found) == {}


def test_value_is_refused_where_it_goes_with_frequency_and_churn_is_not(rhythms: pd.DataFrame) -> None:
    """Who buys often spends more on each order: Gamma-Gamma takes them for unrelated."""
    table = rhythms.assign(repeat_value=rhythms["repeat_value"] * (1 + rhythms["repeats"]))
    found = {
        row["model"]: row["refused_because"]
        for row in fitted(table, settings())
        if row["part"] == "parameter"
    }

    assert found["mbg_nbd"] is None
    assert "number and value of orders correlate by 0." in found["gamma_gamma"]


def test_orders_that_came_otherwise_take_revenue_away(rhythms: pd.DataFrame) -> None:
    """A season in the hold-out: the totals are out by more than the limit; ranks may still be right."""
    table = rhythms.assign(
        holdout_orders=rhythms["holdout_orders"] * 3, holdout_revenue=rhythms["holdout_revenue"] * 3
    )
    found = {
        row["model"]: row["refused_because"]
        for row in fitted(table, settings())
        if row["part"] == "parameter"
    }

    assert found["mbg_nbd"] is None
    assert "back-test: orders predicted" in found["gamma_gamma"]


def test_a_week_has_one_fit_and_lack_of_data_is_no_fit(
    rhythms: pd.DataFrame, rows: list[dict[str, Any]]
) -> None:
    """The same week and settings: nothing to do. Another week, other settings, or data lacking: again."""
    assert needed(settings(), rows, has_contracts=False) == []
    assert needed(settings(), rows, has_contracts=True) == ["exponential_gamma"]
    assert needed(settings(week_start=date(1998, 7, 6)), rows, has_contracts=False) == [
        "mbg_nbd",
        "gamma_gamma",
    ]
    assert needed(settings(horizon_days=90), rows, has_contracts=False) == ["mbg_nbd", "gamma_gamma"]
    assert needed(settings(margin=0.5, discount_rate=0.1), rows, has_contracts=False) == []

    few = fitted(rhythms.head(50), settings())
    again = fitted(rhythms.head(50), settings(), few)
    more = fitted(rhythms, settings(), few)
    assert "50 customers had bought" in few[0]["refused_because"]
    assert again == []
    assert {row["fit_seq"] for row in more} == {3, 4}
    assert set(parameters_in_force(few + more)) == {"mbg_nbd", "gamma_gamma"}


def spells(n: int) -> Any:
    """Subscriptions of a simulated law, as days before as_of."""
    generator = np.random.default_rng(3)
    length = generator.exponential(1 / generator.gamma(1.4, 1 / 400.0, n)).astype(int)
    start = generator.integers(1, 900, n)
    ended = np.where(length <= start, start - length, -1)
    return pa.table(
        {
            "customer_id": pa.array([f"c{i}" for i in range(n)]),
            "started_days": pa.array(start),
            "ended_days": pa.array(ended, mask=ended < 0),
            "ends_in_days": pa.array([None] * n, pa.int64()),
        }
    )


def test_subscriptions_are_tried_on_those_that_ran_a_horizon_ago() -> None:
    """Fitted, calibrated, used; a declared end is no guess; below the floor it is refused by name."""
    chosen, empty = settings(horizon_days=90), pa.Table.from_pandas(cdnow.rhythms().head(0))
    table = spells(4000)
    found = fit_models(chosen, ["exponential_gamma"], empty, table, []).to_pylist()
    whole = next(row for row in found if row["decile"] == 0)
    data = table.to_pandas()
    ran = (data["started_days"] >= 90) & ~(data["ended_days"] >= 90)

    assert {row["refused_because"] for row in found} == {None}
    assert whole["n"] == ran.sum()
    assert whole["actual_rate"] == pytest.approx(data["ended_days"][ran].notna().mean())
    assert whole["backtest_error"] < 0.05
    running = table.filter(pa.compute.is_null(table["ended_days"])).slice(0, 3)
    running = running.set_column(3, "ends_in_days", pa.array([None, 90, 91], pa.int64()))
    scores = score_contracts(
        chosen, parameters_in_force([row for row in found if row["part"] == "parameter"]), running
    )
    assert 0 < scores["end_prob"][0].as_py() < 1
    assert scores["end_prob"].to_pylist()[1:] == [1.0, 0.0]
    few = fit_models(chosen, ["exponential_gamma"], empty, spells(40), []).to_pylist()
    assert "min_ended_subscriptions" in few[0]["refused_because"]
