"""Predictions of one company through its weeks: refused, fitted, kept, made anew; each figure against the raw files.

The deliveries are made here from a known law; pandas computes the histories, scipy's hypergeometric function the closed forms.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1
from scipy.stats import lomax

from tests.companies import BELOW_MARTS, TestCompany

PEOPLE, SUBSCRIBERS, FEW = 400, 300, 50
AS_OF = pd.Timestamp("2026-06-30 12:00")  # a Tuesday
HORIZON = 60
ORDERS = {
    "name": "orders",
    "entity": "order",
    "path": "data/orders*.csv",
    "key": ["no"],
    "columns": {"order_id": "no", "ordered_at": "at", "gross_amount": "amount", "email": "mail"},
}
SUBSCRIPTIONS = {
    "name": "subscriptions",
    "entity": "subscription",
    "path": "data/subscriptions*.csv",
    "key": ["no"],
    "columns": {
        "subscription_id": "no",
        "started_at": "from",
        "ended_at": "to",
        "email": "mail",
        "amount": "price",
        "currency": "currency",
        "billing_period": "period",
    },
}
PERIODS = ("month", "quarterly", "week", "year")
PREDICTION = {
    "horizon_days": HORIZON, "margin": 0.4, "discount_rate": 0.1, "min_customers": 200, "min_repeat_customers": 60,
    "min_outcomes": 10, "min_ended_subscriptions": 40, "max_calibration_error": 0.2, "max_total_error": 0.9,
}  # fmt: skip


def orders() -> pd.DataFrame:
    """Orders until AS_OF and a little after, of customers who come at a rate of their own and stop."""
    generator, rows = np.random.default_rng(11), []
    for person in range(PEOPLE):
        rate, drop = generator.gamma(1.2, 1 / 30), generator.beta(1, 4)
        worth, at = generator.gamma(20, 5), AS_OF - pd.Timedelta(days=int(generator.integers(5, 400)))
        while at < AS_OF + pd.Timedelta(days=2):
            rows.append((f"p{person}@x.example", at, round(worth * generator.gamma(6, 1 / 6), 2)))
            if generator.random() < drop:
                break
            at += pd.Timedelta(hours=24 * generator.exponential(1 / rate))
    return pd.DataFrame(rows, columns=["mail", "at", "amount"]).assign(at=lambda t: t["at"].dt.floor("s"))


def subscriptions() -> pd.DataFrame:
    """Whole days; a quarter of the ends lies in the future and is not declared, but for the first two."""
    generator = np.random.default_rng(12)
    start = AS_OF.floor("D") - pd.to_timedelta(generator.integers(1, 500, SUBSCRIBERS), unit="D")
    length = generator.exponential(1 / generator.gamma(1.5, 1 / 300.0, SUBSCRIBERS)).astype(int) + 1
    end = pd.Series(start + pd.to_timedelta(length, unit="D"))
    end[end > AS_OF] = pd.NaT
    running = end[end.isna()].index
    end[running[0]] = AS_OF.floor("D") + pd.Timedelta(days=HORIZON)
    end[running[1]] = AS_OF.floor("D") + pd.Timedelta(days=HORIZON + 1)
    mails = [f"s{i}@x.example" for i in range(SUBSCRIBERS)]
    # one price is not known, one is in a currency nobody quotes
    price = generator.integers(5, 90, SUBSCRIBERS).astype(float)
    price[running[2]] = np.nan
    return pd.DataFrame(
        {
            "mail": mails, "from": start, "to": end, "price": price,
            "currency": np.where(np.arange(SUBSCRIBERS) == running[3], "KPW", ""),
            "period": [PERIODS[i % 4] for i in range(SUBSCRIBERS)],
        }
    )  # fmt: skip


def predictions(company: TestCompany) -> dict[str, dict[str, Any]]:
    """Mail address -> the row of marts.customer_predictions."""
    names = [row[0] for row in company.rows("describe marts.customer_predictions")]
    rows = company.rows(
        "select lower(golden.email), predictions.* from marts.customer_predictions as predictions"
        " inner join customer.golden_records as golden on predictions.customer_id = golden.customer_id"
    )
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


@dataclass
class Told:
    """The company and what it said after each step."""

    company: TestCompany
    fits: dict[str, list[tuple[Any, ...]]]
    marts: dict[str, dict[str, list[str]]]
    predicted: dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Few customers; most of them; all of them; the same from scratch; a week later."""
    company = TestCompany(
        tmp_path_factory.mktemp("predictions") / "shop",
        [{"name": "shop", "connector": "files", "tables": [ORDERS, SUBSCRIPTIONS]}],
        {"prediction": PREDICTION},
        select=(*BELOW_MARTS, "+customer_predictions", "model_fits", "model_backtests"),
    )
    found = Told(company, {}, {}, {})
    table = orders().reset_index(names="no")
    first = table.groupby("mail")["at"].transform("min")
    few = table["mail"].isin([f"p{i}@x.example" for i in range(FEW)])
    late = ~few & (first > AS_OF - pd.Timedelta(days=30))
    ends = subscriptions().reset_index(names="no")

    def step(name: str, full: bool = False, **clock: str) -> None:
        company.settings |= {"clock": clock} if clock else {}
        company.configure()
        company.load_and_build(full)
        found.fits[name] = company.rows(
            "select * exclude (run_id) from marts.model_fits order by fit_seq, name"
        )
        found.marts[name] = company.marts()
        found.predicted[name] = predictions(company)

    def deliver(name: str, rows: pd.DataFrame) -> None:
        path = company.root / "data" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(path, index=False)

    deliver("orders_1", table[few])
    deliver("subscriptions_0", ends.head(0))
    step("few", as_of="2026-06-30T12:00:00Z")
    deliver("orders_2", table[~few & ~late])
    deliver("subscriptions_1", ends)
    step("most")
    deliver("orders_3", table[late])
    step("all")
    step("again", full=True)
    step("week", as_of="2026-07-07T12:00:00Z")
    return found


def histories(as_of: pd.Timestamp) -> pd.DataFrame:
    """x, t_x, T in weeks and the mean value of the repeats, straight from what was delivered."""
    table = orders()
    table = table[table["at"] <= as_of]
    days = (
        table.assign(day=table["at"].dt.floor("D")).groupby(["mail", "day"], as_index=False)["amount"].sum()
    )
    by = days.groupby("mail")
    first = by["day"].min()
    repeats = days[days["day"] > days["mail"].map(first)].groupby("mail")["amount"]
    return pd.DataFrame(
        {
            "x": by.size() - 1,
            "last": (by["day"].max() - first).dt.days / 7,
            "age": (as_of.floor("D") - first).dt.days / 7,
            "z": repeats.mean().reindex(first.index).fillna(0),
        }
    )


def parameters(rows: list[tuple[Any, ...]], model: str) -> dict[str, float]:
    """Of the latest attempt."""
    latest = max(row[1] for row in rows if row[0] == model)
    return {row[2]: row[3] for row in rows if row[0] == model and row[1] == latest}


def test_fifty_customers_are_too_few_and_the_floor_is_named(told: Told) -> None:
    """Null with a reason on every row; nothing was fitted."""
    found = told.predicted["few"].values()

    assert len(found) == FEW
    assert {(row["churn_prob"], row["predicted_revenue_12m"], row["clv_12m"]) for row in found} == {
        (None, None, None)
    }
    for column in ("churn_reason", "revenue_reason", "clv_reason"):
        (reason,) = {row[column] for row in found}
        assert "customers had bought by 2026-05-01" in reason
        assert "200 are needed (prediction.min_customers)" in reason
    assert [(row[0], row[2], row[3]) for row in told.fits["few"]] == [
        ("mbg_nbd", "none", None),
        ("gamma_gamma", "none", None),
    ]


def test_a_week_has_one_fit_whatever_arrives_and_is_rebuilt(told: Told) -> None:
    """New data and a full refresh leave the fits alone; the next week adds new ones and keeps the old."""
    assert len(told.fits["most"]) > len(told.fits["few"])
    assert told.fits["most"] == told.fits["all"] == told.fits["again"]
    assert told.fits["week"][: len(told.fits["again"])] == told.fits["again"]
    assert parameters(told.fits["week"], "mbg_nbd") != parameters(told.fits["again"], "mbg_nbd")
    assert {row[7] for row in told.fits["week"] if row[0] == "mbg_nbd"} == {None, told.fits["few"][0][7]}


def test_increments_equal_a_full_refresh(told: Told) -> None:
    """Law 2, with fits of an earlier state of the week."""
    assert told.marts["all"] == told.marts["again"]
    assert len(told.marts["all"]["customer_predictions"]) == PEOPLE + SUBSCRIBERS


@pytest.mark.parametrize(("step", "as_of"), [("all", AS_OF), ("week", AS_OF + pd.Timedelta(days=7))])
def test_every_figure_is_that_of_the_raw_files(told: Told, step: str, as_of: pd.Timestamp) -> None:
    """P(no order), expected orders, revenue and value of each customer by the printed formulas, from the stored parameters."""
    theta, money = parameters(told.fits[step], "mbg_nbd"), parameters(told.fits[step], "gamma_gamma")
    r, alpha, a, b = (theta[name] for name in ("r", "alpha", "a", "b"))
    p, q, gamma = (money[name] for name in ("p", "q", "gamma"))
    found, wanted = told.predicted[step], histories(as_of)
    mine = {mail: row for mail, row in found.items() if mail.startswith("p")}
    assert set(mine) == set(wanted.index)

    def likelihood(one: Any, until: float) -> float:
        return float((alpha + until) ** -(r + one.x) + a / (b + one.x) * (alpha + one.last) ** -(r + one.x))

    def bought(one: Any, weeks: float) -> float:
        alive = (alpha + one.age) ** -(r + one.x) / likelihood(one, one.age)
        total = a + b + one.x
        series = hyp2f1(r + one.x, a - 1, total, -weeks / (alpha + one.age))
        return float(alive * total / (a - 1) * (1 - series))

    for one in wanted.itertuples():
        row = mine[str(one.Index)]
        worth = p * (gamma + one.x * one.z) / (p * one.x + q - 1)
        months = [bought(one, 365 / 7 * month / 12) for month in range(13)]
        today = sum((months[m + 1] - months[m]) / 1.1 ** ((m + 0.5) / 12) for m in range(12))
        assert row["churn_kind"] == "non_contractual"
        assert row["churn_prob"] == pytest.approx(
            likelihood(one, one.age + HORIZON / 7) / likelihood(one, one.age), abs=2e-6
        )
        assert row["expected_orders_12m"] == pytest.approx(months[12], abs=1e-4)
        assert float(row["predicted_revenue_12m"]) == pytest.approx(worth * months[12], rel=1e-5, abs=0.011)
        assert float(row["clv_12m"]) == pytest.approx(0.4 * worth * today, rel=1e-5, abs=0.011)


def test_subscribers_are_judged_by_their_contract(told: Told) -> None:
    """By tenure and the fitted law; a declared end is certain; who has left has no figure but a reason."""
    theta, data = parameters(told.fits["all"], "exponential_gamma"), subscriptions().set_index("mail")
    law = lomax(theta["s"], scale=theta["beta"])
    found = told.predicted["all"]
    declared = data[data["to"] > AS_OF]["to"]
    tenure = (AS_OF.floor("D") - data["from"]).dt.days / 7
    open_end = data.index[data["to"].isna()]

    assert len(open_end) > 50
    for mail in open_end:
        wanted = 1 - law.sf(tenure[mail] + HORIZON / 7) / law.sf(tenure[mail])
        assert found[mail]["churn_kind"] == "contractual"
        assert found[mail]["churn_prob"] == pytest.approx(wanted, abs=2e-6)
    assert [found[mail]["churn_prob"] for mail in declared.sort_values().index] == [1.0, 0.0]
    gone = [found[mail] for mail in data.index[data["to"] <= AS_OF]]
    assert {(row["churn_prob"], row["churn_reason"]) for row in gone} == {
        (None, "the subscription has ended")
    }


def test_payments_of_subscriptions_are_those_of_the_calendar(told: Told) -> None:
    """12 months of payments by pandas' calendar, each by scipy's law of tenures; a declared end stops them; null says why."""
    theta, data = parameters(told.fits["all"], "exponential_gamma"), subscriptions().set_index("mail")
    law, today = lomax(theta["s"], scale=theta["beta"]), AS_OF.floor("D")
    found = told.predicted["all"]
    running = data[data["to"].isna() | (data["to"] > AS_OF)]
    unpriced = running.index[running["price"].isna() | (running["currency"] == "KPW")]

    assert len(unpriced) == 2
    assert {found[mail]["revenue_reason"] for mail in unpriced} == {
        "the price of a subscription is not known",
        "the currency of a subscription has no rate",
    }
    for mail, row in running.drop(unpriced).iterrows():
        tenure = (today - row["from"]).days / 7
        payments = [due for due in dues(row) if today < due <= today + pd.DateOffset(years=1)]
        paid = [due for due in payments if pd.isna(row["to"]) or due < row["to"]]
        after = np.array([(due - today).days for due in paid])
        chance = np.ones(len(paid)) if pd.notna(row["to"]) else law.sf(tenure + after / 7) / law.sf(tenure)
        said = found[str(mail)]
        assert float(said["subscription_revenue_12m"]) == pytest.approx(
            row["price"] * chance.sum(), rel=3e-3, abs=0.01
        )
        assert said["predicted_revenue_12m"] == said["subscription_revenue_12m"]
        assert said["revenue_basis"] == "subscriptions"
        worth = 0.4 * row["price"] * (chance * 1.1 ** (-after / 365)).sum()
        assert float(said["clv_12m"]) == pytest.approx(worth, rel=3e-3, abs=0.01)


def dues(row: Any) -> list[pd.Timestamp]:
    """Payments of one subscription after the start, for some years."""
    step = {"month": {"months": 1}, "quarterly": {"months": 3}, "week": {"days": 7}, "year": {"months": 12}}
    (unit, size), *_ = step[row["period"]].items()
    return [row["from"] + pd.DateOffset(**{unit: size * place}) for place in range(1, 160)]


def test_the_payments_of_the_hold_out_are_counted_as_they_fell_due(told: Told) -> None:
    """Base rate, people and money of the back-test from the raw files; the forecast is near what came."""
    data, today = subscriptions(), AS_OF.floor("D")
    cutoff = today - pd.Timedelta(days=HORIZON)
    ran = data[(data["from"] <= cutoff) & (data["to"].isna() | (data["to"] > cutoff)) & data["price"].notna()]
    ran = ran[ran["currency"] == ""]
    ended = ran["to"].notna() & (ran["to"] <= AS_OF)
    came = sum(
        row["price"]
        for (_, row), over in zip(ran.iterrows(), ended, strict=True)
        for due in dues(row)
        if cutoff < due <= today and (not over or due < row["to"])
    )
    (row,) = told.company.rows(
        "select n, actual_rate, actual_revenue, predicted_revenue from marts.model_backtests"
        " where model = 'subscription_revenue' and week_start = date '2026-06-29' and decile = 0"
    )

    assert row[0] == len(ran)
    assert row[1] == pytest.approx(ended.mean())
    assert row[2] == pytest.approx(came, rel=0.02)
    assert abs(row[3] / row[2] - 1) < 0.3


def test_the_back_test_counts_what_really_came(told: Told) -> None:
    """Base rate, people and orders of the hold-out from the raw files, as they were when the fit was made."""
    table = orders()
    first = table.groupby("mail")["at"].transform("min")
    late = ~table["mail"].isin([f"p{i}@x.example" for i in range(FEW)]) & (
        first > AS_OF - pd.Timedelta(days=30)
    )
    days = table[~late & (table["at"] <= AS_OF)].assign(day=lambda t: t["at"].dt.floor("D"))
    cutoff = AS_OF.floor("D") - pd.Timedelta(days=HORIZON)
    known = set(days[days["day"] <= cutoff]["mail"])
    came = days[(days["day"] > cutoff) & days["mail"].isin(known)].drop_duplicates(["mail", "day"])
    rows = told.company.rows(
        "select decile, n, actual_rate, actual_orders, lift, recency_lift from marts.model_backtests"
        " where model = 'mbg_nbd' and week_start = date '2026-06-29' order by decile"
    )

    assert [row[0] for row in rows] == list(range(11))
    assert rows[0][1] == len(known)
    assert rows[0][2] == pytest.approx(1 - came["mail"].nunique() / len(known))
    assert rows[0][3] == len(came)
    assert sum(row[3] for row in rows[1:]) == pytest.approx(len(came))
    assert all(row[4] is not None and row[5] is not None for row in rows[1:])
