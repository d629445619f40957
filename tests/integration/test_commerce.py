"""Orders in several currencies, RFM, lifecycle, kpis, cohorts and health, against pandas and a published table.

The first delivery is the order list of the R package rfm, whose RFM table is published. Then come new customers, foreign money,
refunds and rates, and at last a late rate; nothing of it may move a score that is not the customer's own doing.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cli import rfm
from tests import commerce_oracle as oracle
from tests import laws
from tests.companies import TestCompany

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "rfm_orders" / "orders.csv.gz"
AS_OF = pd.Timestamp("2006-12-31")
HORIZON = 90
# The R package's own table: recency in days, orders, amount, score.
PUBLISHED = {
    "Abbey O'Reilly": (205, 6, 472, "343"),
    "Add Senger": (140, 3, 340, "412"),
    "Aden Lesch": (194, 4, 405, "323"),
    "Aden Murphy": (98, 7, 596, "544"),
    "Admiral Senger": (132, 5, 448, "433"),
    "Agness O'Keefe": (90, 9, 843, "555"),
}
RATES = {("2006-12-01", "EUR"): "1.3173", ("2006-12-20", "EUR"): "1.31", ("2006-12-02", "GBP"): "1.95"}
LATE_RATE = ("2006-12-29", "GBP", "1.96")
SOURCES = [
    {
        "name": "shop",
        "connector": "files",
        "tables": [
            {
                "name": "orders", "entity": "order", "path": "data/orders*.csv", "key": ["id"],
                "columns": {
                    "order_id": "id", "ordered_at": "at", "gross_amount": "amount", "discount_amount": "off", "currency": "cur",
                    "status": "status", "user_id": "who",
                },
            },
            {
                "name": "refunds", "entity": "refund", "path": "data/refunds*.csv", "key": ["id"],
                "columns": {"refund_id": "id", "order_id": "order", "refunded_at": "at", "amount": "amount"},
            },
            {
                "name": "rates", "entity": "exchange_rate", "path": "data/rates*.csv", "key": ["day", "cur"],
                "columns": {"day": "day", "base": "cur", "currency": {"value": "USD"}, "rate": "rate"},
            },
        ],
    }
]  # fmt: skip
SETTINGS: dict[str, Any] = {
    "clock": {"as_of": "2006-12-31T00:00:00Z"},
    "rfm": {"window_months": 120},
    "reporting": {"currency": "USD", "timezone": "UTC"},
}


@dataclass
class Story:
    """What stood in the warehouse after each delivery, and the orders that had been delivered, as lists of ours."""

    company: TestCompany
    first: dict[str, pd.DataFrame]
    second: dict[str, pd.DataFrame]
    third: dict[str, pd.DataFrame]
    orders: pd.DataFrame
    later: pd.DataFrame
    recomputed: rfm.Recomputed


def tables(company: TestCompany) -> dict[str, pd.DataFrame]:
    """The marts this module looks at, with the customer's number in the shop beside customer_id."""
    import duckdb

    owner = "(select customer_id, value as who from marts.customer_identifiers where type = 'user_id')"
    plain = (
        "orders",
        "kpis",
        "retention_cohorts",
        "rfm_thresholds",
        "health_validation",
        "orders_without_revenue",
    )
    named = (
        "marts.customer_lifecycle",
        "marts.customer_health",
        "customer.customer_rfm",
        "marts.customer_360",
    )
    with duckdb.connect(str(company.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        found = {name: con.execute(f"select * from marts.{name}").df() for name in plain}
        for name in named:
            frame = con.execute(f"select * from {name} join {owner} using (customer_id)").df()
            found[name.split(".")[1]] = frame.set_index("who")
        # pandas makes doubles of decimals; money is compared exactly
        found["revenue"] = (
            con.execute("select order_id, revenue::varchar as revenue from marts.orders")
            .df()
            .set_index("order_id")
        )
        found["monthly"] = con.execute(
            "select month_start, revenue::varchar as revenue, known_revenue::varchar as known from marts.kpis"
        ).df()
    return found


def second_delivery(company: TestCompany) -> pd.DataFrame:
    """60 new customers who buy a lot, some of it in other money; gifts, refunds, a cancelled order, orders of nobody."""
    random = np.random.default_rng(7)
    rows, refunds, ours = [], [], []
    for number in range(400):
        who = "" if number % 40 == 0 else f"n{random.integers(60)}"
        day = pd.Timestamp("2006-11-28") + pd.Timedelta(days=int(random.integers(33)))
        currency = str(random.choice(["USD", "EUR", "GBP", "VND"], p=[0.5, 0.3, 0.15, 0.05]))
        amount, off = (
            Decimal(int(random.integers(1, 90000))) / 100,
            Decimal(int(random.integers(0, 90))) / 100,
        )
        if number % 25 == 0:
            amount = off = Decimal(0)
        status = "cancelled" if number % 31 == 0 else "paid"
        rows.append(f"x{number},{day:%Y-%m-%d},{amount},{off},{currency},{status},{who}")
        back = Decimal(0)
        if number % 9 == 0 and amount > 3:
            back = Decimal("1.37")
            refunds.append(f"r{number},x{number},2006-12-30,{back}")
        if status == "paid" and amount - off > 0:
            ours.append((f"x{number}", who or None, day, amount - off - back, currency))
    company.csv("data/orders2.csv", "id,at,amount,off,cur,status,who", *rows)
    company.csv("data/refunds.csv", "id,order,at,amount", *refunds)
    company.csv(
        "data/rates1.csv", "day,cur,rate", *(f"{day},{cur},{rate}" for (day, cur), rate in RATES.items())
    )
    return pd.DataFrame(ours, columns=["order", "customer", "day", "amount", "currency"])


def rate_of(currency: str, day: pd.Timestamp, quotes: dict[tuple[str, str], str]) -> Decimal | None:
    """The latest quote at most four days old."""
    if currency == "USD":
        return Decimal(1)
    for age in range(5):
        found = quotes.get((f"{day - pd.Timedelta(days=age):%Y-%m-%d}", currency))
        if found:
            return Decimal(found)
    return None


def valued(orders: pd.DataFrame, quotes: dict[tuple[str, str], str]) -> pd.DataFrame:
    """Orders with their revenue in the reporting currency."""

    def revenue(row: Any) -> Decimal | None:
        rate = rate_of(row.currency, row.day, quotes)
        return None if rate is None else oracle.cents(row.amount * rate)

    return orders.assign(revenue=[revenue(row) for row in orders.itertuples()])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Three deliveries; before the last build the thresholds are recomputed by command."""
    company = TestCompany(tmp_path_factory.mktemp("commerce"), SOURCES, SETTINGS)
    published = pd.read_csv(FIXTURE, parse_dates=["order_date"])
    lines = [
        f'o{number},{row.order_date:%Y-%m-%d},{row.revenue},0,USD,paid,"{row.customer_id}"'
        for number, row in enumerate(published.itertuples())
    ]
    company.csv("data/orders1.csv", "id,at,amount,off,cur,status,who", *lines)
    company.csv("data/refunds0.csv", "id,order,at,amount")
    company.csv("data/rates0.csv", "day,cur,rate")
    orders = published.rename(columns={"customer_id": "customer", "order_date": "day"}).assign(
        revenue=[Decimal(int(one)) for one in published.revenue]
    )
    company.load_and_build()
    first = tables(company)
    later = second_delivery(company)
    company.load_and_build()
    second = tables(company)
    company.csv("data/rates2.csv", "day,cur,rate", ",".join(LATE_RATE))
    company.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rfm, "STAGES", ("forget", "build"))
        recomputed = rfm.recompute(company.company)
    return Story(company, first, second, tables(company), orders, later, recomputed)


def everything(story: Story, quotes: dict[tuple[str, str], str]) -> pd.DataFrame:
    """All purchases of both deliveries."""
    return pd.concat([story.orders, valued(story.later, quotes)], ignore_index=True)[
        ["customer", "day", "revenue"]
    ]


def scores(frame: pd.DataFrame) -> pd.Series:
    """Three digits in one."""
    parts = frame[["recency_score", "frequency_score", "monetary_score"]]
    return parts.astype("Int64").astype(str).agg("".join, axis=1)


def test_the_published_rfm_table_is_reproduced(story: Story) -> None:
    """Recency, orders, amount and score of the six customers whom the R package prints."""
    found = story.first["customer_rfm"].assign(score=lambda frame: scores(frame)).loc[list(PUBLISHED)]
    told = found[["recency_days", "frequency", "monetary", "score"]].itertuples(index=False)

    assert {name: tuple(row) for name, row in zip(found.index, told, strict=True)} == PUBLISHED


def test_quintiles_equal_the_oracle_and_nearly_all_of_the_package(story: Story) -> None:
    """Ours share a score on ties; the package adds 1 to each cut. 98.5 % of the scores are the same, none differs by two."""
    expected = oracle.rfm(story.orders, AS_OF, 120)
    found = story.first["customer_rfm"].loc[expected.index]
    packaged = {}
    for measure, name in (
        ("recency", "recency_score"),
        ("frequency", "frequency_score"),
        ("monetary", "monetary_score"),
    ):
        cuts = np.quantile(expected[measure], [0.2, 0.4, 0.6, 0.8]) + 1
        bins = 1 + np.sum(expected[measure].to_numpy()[:, None] >= cuts, axis=1)
        packaged[name] = 6 - bins if measure == "recency" else bins

    assert (
        scores(found).tolist()
        == (expected.r.astype(str) + expected.f.astype(str) + expected.m.astype(int).astype(str)).tolist()
    )
    for name, theirs in packaged.items():
        apart = np.abs(found[name].to_numpy() - theirs)
        assert apart.max() <= 1
        assert (apart == 0).mean() >= 0.985


def test_thresholds_are_the_cuts(story: Story) -> None:
    """Frequency 4/5/6/8 and amount 255/382/506/668 begin scores 2 to 5; n adds up to everybody."""
    found = story.first["rfm_thresholds"].sort_values(["measure", "score"])
    lower = {name: group.lower_bound.tolist()[1:] for name, group in found.groupby("measure")}

    assert lower["frequency"] == [4, 5, 6, 8]
    assert lower["monetary"] == [255, 382, 506, 668]
    assert found.groupby("measure").n.sum().tolist() == [995, 995, 995]
    assert set(found.month_start) == {pd.Timestamp("2006-12-01")}


def test_new_customers_move_nobodys_score(story: Story) -> None:
    """Sixty big spenders came: thresholds are those of the first build, and so is every older customer's score."""
    before, after = story.first["customer_rfm"], story.second["customer_rfm"]
    told = ["measure", "score", "lower_bound", "upper_bound", "n"]

    assert len(after) > len(before)
    assert (scores(after.loc[before.index]) == scores(before)).all()
    assert story.first["rfm_thresholds"][told].equals(story.second["rfm_thresholds"][told])


def test_the_command_scores_by_todays_population(story: Story) -> None:
    """After `cdp rfm recompute` thresholds and scores are those of all customers there are now; unknown sums stay unscored."""
    expected = oracle.rfm(everything(story, quotes_of(late=True)).dropna(subset=["customer"]), AS_OF, 120)
    found = story.third["customer_rfm"].loc[expected.index]

    assert story.recomputed.exit_code == 0
    assert len(story.recomputed.before) == len(story.recomputed.after) == 15
    assert story.recomputed.before != story.recomputed.after
    assert found.recency_score.tolist() == expected.r.tolist()
    assert found.frequency_score.tolist() == expected.f.tolist()
    assert found.monetary_score.isna().tolist() == expected.m.isna().tolist()
    assert found.monetary_score.dropna().tolist() == expected.m.dropna().tolist()
    assert 0 < expected.m.isna().sum() < len(expected)


def quotes_of(*, late: bool) -> dict[tuple[str, str], str]:
    """Quotes delivered by then."""
    return RATES | ({LATE_RATE[:2]: LATE_RATE[2]} if late else {})


@pytest.mark.parametrize("late", [False, True])
def test_revenue_is_at_the_rate_of_the_day_or_unknown_and_listed(story: Story, late: bool) -> None:
    """To the cent; a quote serves four days; one that comes late gives the orders of its days a revenue."""
    expected = valued(story.later, quotes_of(late=late)).set_index("order").revenue
    seen = story.third if late else story.second
    found = seen["revenue"].revenue.loc[expected.index]
    missing = seen["orders_without_revenue"]

    assert [None if pd.isna(one) else Decimal(one) for one in found] == list(expected)
    unknown = {order for order, value in expected.items() if value is None}
    assert {key.split(":")[1] for key in missing.order_key} >= unknown
    assert set(missing[missing.order_key.isin([f"shop:{one}" for one in unknown])].reason) == {"no rate"}
    assert 0 < len(unknown) < len(expected)


def test_a_late_rate_changes_orders_of_its_days_only(story: Story) -> None:
    """What the last delivery touched: pounds from the 29th on."""
    before, after = story.second["revenue"].revenue, story.third["revenue"].revenue
    changed = before[before.fillna("") != after.loc[before.index].fillna("")].index
    pounds = story.later[(story.later.currency == "GBP") & (story.later.day >= "2006-12-29")].order

    assert len(changed) > 0
    assert set(pounds) <= set(changed)
    orders = story.third["orders"].set_index("order_id").loc[changed]
    assert set(orders.currency) == {"GBP"}
    assert orders.ordered_on.min() >= pd.Timestamp("2006-12-29")


@pytest.mark.parametrize("delivery", ["first", "third"])
def test_kpis_equal_the_oracle(story: Story, delivery: str) -> None:
    """Every numerator and denominator of every month, money to the cent."""
    orders = story.orders if delivery == "first" else everything(story, quotes_of(late=True))
    expected = oracle.kpis(orders, AS_OF)
    seen = getattr(story, delivery)
    found = seen["kpis"].sort_values("month_start").reset_index(drop=True)
    money = seen["monthly"].sort_values("month_start")
    names = {
        "month_start": "month", "is_complete": "complete", "active_customers": "active", "new_customers": "new",
        "reactivated": "reactivated", "at_stake": "stake", "dormant": "dormant", "repeat_customers": "repeat", "orders": "orders",
        "orders_without_revenue": "without",
    }  # fmt: skip

    for ours, theirs in names.items():
        assert found[ours].tolist() == expected[theirs].tolist(), ours
    assert found.lost.dropna().tolist() == expected.lost[expected.complete].tolist()
    assert [Decimal(one) for one in money.revenue] == expected.revenue.tolist()
    assert [Decimal(one) for one in money.known] == expected.known_revenue.tolist()
    assert found.repeat_rate.dropna().tolist() == (expected.repeat / expected.active).dropna().tolist()
    assert (
        found.reactivation_rate.dropna().tolist()
        == (expected.reactivated / expected.dormant).dropna().tolist()
    )
    assert expected.reactivated.sum() > 100
    assert found.conversion.isna().all()


def test_cohorts_equal_the_oracle(story: Story) -> None:
    """Size and active of every cohort and age; months that are not over are null."""
    found = story.first["retention_cohorts"]
    seen = {
        (row.cohort_month, row.age_months): (row.cohort_size, None if pd.isna(row.active) else row.active)
        for row in found.itertuples()
    }

    assert seen == oracle.cohorts(story.orders, AS_OF)


@pytest.mark.parametrize("delivery", ["first", "third"])
def test_lifecycle_equals_the_oracle(story: Story, delivery: str) -> None:
    """State, rhythm and days since the last purchase of everybody; all six states occur."""
    orders = story.orders if delivery == "first" else everything(story, quotes_of(late=True))
    expected = oracle.lifecycle(orders, AS_OF)
    found = getattr(story, delivery)["customer_lifecycle"].loc[expected.index]

    assert found.lifecycle.tolist() == expected.state.tolist()
    assert found.rhythm_days.tolist() == expected.rhythm.clip(lower=7).tolist()
    assert found.days_since_last.tolist() == expected.late.tolist()
    assert set(found.lifecycle) == {"new", "active", "won_back", "cooling", "at_risk", "lost"}


def test_health_is_recency_where_nothing_else_is_known_and_its_auc_is_that_of_scikit_learn(
    story: Story,
) -> None:
    """No answers, tickets or sessions: half of the weights; tested on the 90 days to as_of with what was known before."""
    expected = oracle.recency_points(story.orders, AS_OF)
    health = story.first["customer_health"].loc[expected.index]
    then = AS_OF - pd.Timedelta(days=HORIZON)
    points = oracle.recency_points(story.orders, then)
    after = story.orders[(story.orders.day > then) & (story.orders.day <= AS_OF)]
    bought = points.index.isin(after.customer)
    found = story.first["health_validation"].iloc[0]

    assert health.health.tolist() == pytest.approx(expected.tolist(), abs=1e-9)
    assert health.weight_known.unique().tolist() == [0.5]
    assert health[["score_points", "ticket_points", "session_points"]].isna().all(axis=None)
    assert (found.n, found.bought) == (len(points), bought.sum())
    assert found.auc == pytest.approx(roc_auc_score(bought, points), abs=1e-12)
    assert found.auc_low < found.auc < found.auc_high
    assert found.is_validated == (found.auc_low > 0.5)


def test_a_full_refresh_gives_the_same_and_keeps_the_thresholds(story: Story) -> None:
    """Law 2, the memory of RFM included."""
    before = laws.snapshot(story.company.root)
    story.company.build(full_refresh=True)

    assert laws.differences(before, laws.snapshot(story.company.root)) == []
