"""Campaign figures and comparisons: the SQL of the models over made tables, against pandas, scipy and statsmodels' formulas.

No dbt: the models' text runs in DuckDB over frames, so a thousand people cost a second.
"""

import math

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.macros import model_sql, sql

AS_OF = pd.Timestamp("2026-06-30")
DAYS = 7
MODELS = (
    "int_marketing__messages",
    "int_marketing__conversions",
    "int_marketing__recipients",
    "int_marketing__results",
    "int_marketing__spends",
    "int_marketing__costs",
    "campaign_variants",
    "campaigns",
    "campaign_tests",
)


def frames(seed: int, people: int = 1500) -> dict[str, pd.DataFrame]:
    """Three campaigns a week apart with two variants and a holdout; the holdout of C3 buys far less."""
    rng = np.random.default_rng(seed)
    messages, assigned, orders = [], [], []
    for place, campaign in enumerate(("C1", "C2", "C3")):
        start = pd.Timestamp("2026-05-01") + pd.Timedelta(days=4 * place)
        for person in range(people):
            arm = rng.choice(["a", "b", "holdout", ""], p=[0.3, 0.3, 0.3, 0.1])
            who = f"p{person}"
            if arm == "holdout":
                assigned.append((campaign, f"n{person}", arm, start))
            elif arm:
                messages += events(rng, campaign, f"{campaign}-{person}", who, arm, start)
            chance = 0.15 if campaign != "C3" else 0.02 if arm == "holdout" else 0.3
            if rng.random() < chance:
                orders.append((who, start + pd.Timedelta(minutes=int(rng.integers(1, 12 * 1440)))))
    listed = pd.DataFrame(orders, columns=["customer_id", "ordered_at"])
    listed["order_key"] = [f"o{n}" for n in range(len(listed))]
    listed["is_purchase"] = rng.random(len(listed)) < 0.9
    listed["revenue"] = rng.integers(1, 100, len(listed)).astype(float)
    names = ["campaign_id", "message_id", "customer_id", "variant", "kind", "is_machine", "occurred_at"]
    return {
        "messages": pd.DataFrame(messages, columns=names),
        "stg_assignments": pd.DataFrame(
            assigned, columns=["campaign_id", "node_id", "variant", "assigned_at"]
        ),
        "orders": listed,
    }


def events(
    rng: np.random.Generator, campaign: str, message: str, who: str, arm: str, start: pd.Timestamp
) -> list[tuple[object, ...]]:
    """What happens to one message."""
    kinds: list[tuple[str, bool]] = [("sent", False)]
    kinds += [("bounced", False)] if rng.random() < 0.1 else [("delivered", False)]
    if kinds[-1][0] == "delivered":
        kinds += [("opened", True)] if rng.random() < 0.3 else []
        kinds += [("opened", False), ("opened", False)] if rng.random() < 0.4 else []
        kinds += [("clicked", bool(rng.random() < 0.5))] if rng.random() < 0.2 else []
        kinds += [("unsubscribed", False)] if rng.random() < 0.02 else []
    return [
        (campaign, message, who, arm, kind, machine, start + pd.Timedelta(minutes=minute))
        for minute, (kind, machine) in enumerate(kinds)
    ]


@pytest.fixture(scope="module")
def made() -> tuple[duckdb.DuckDBPyConnection, dict[str, pd.DataFrame]]:
    """The campaign marts over made tables."""
    con = duckdb.connect()
    tables = frames(7)
    for name, frame in tables.items():
        con.register(f"made_{name}", frame)
    con.execute(
        "create table messages as select *, 'm' as source, 'email' as channel, false as is_hard_bounce,"
        " 'r' || row_number() over () as record_id from made_messages"
    )
    con.execute("create table stg_assignments as select *, 'm' as source from made_stg_assignments")
    con.execute(
        "create table orders as select * replace (cast(revenue as decimal(18, 2)) as revenue) from made_orders"
    )
    con.execute(
        "create table node_customers as select 'n' || i as node_id, 'p' || i as customer_id from range(1500) t(i)"
    )
    con.execute(
        "create table stg_campaigns as select 'm' as source, 'r' || i as record_id, 'C' || i as campaign_id, 'x' as brand,"
        " 'N' as name, 'news' as kind, 'email' as channel, timestamp '2026-05-01' as started_at,"
        " timestamp '2026-06-01' as ended_at, null::timestamp as record_updated_at, 1 as load_seq from range(1, 4) t(i)"
    )
    con.execute(
        "create table stg_spends as select 's' || row_number() over () as record_id, 'ads' as source,"
        " date '2026-05-01' as spent_on, 'email' as channel, * from (values ('C1', 'a', 100::decimal(18, 2), 'USD'),"
        " ('C1', 'b', 80, 'EUR'), ('C1', null, 100, null), ('C2', 'a', 5, 'XTS'), ('C2', 'b', 7, 'USD'))"
        " as t(campaign_id, variant, amount, currency)"
    )
    con.execute(
        "create table reporting_rates as select 'EUR' as currency, date '2026-05-01' as day,"
        " 1.25::decimal(20, 12) as rate"
    )
    con.execute("create table config_web_words as select 'medium' as kind, 'email' as word, 'x' as meaning")
    con.execute(
        f"create table config_campaigns as select {DAYS} as converts_days, 'delivery' as counted_from,"
        " '|holdout|' as holdout_variants"
    )
    con.execute("create table run_clock as select cast(? as timestamp) as as_of", [AS_OF])
    for name in MODELS:
        con.execute(f"create table {name} as {model_sql(f'marts/marketing/{name}.sql')}")
    return con, tables


def arms(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per campaign and person with arm, start and whether they bought in time, by pandas."""
    mails = (
        tables["messages"]
        .groupby(["campaign_id", "customer_id", "variant"], as_index=False)
        .agg(
            at=("occurred_at", "min"),
            opened=("kind", lambda kinds: False),
            delivered=("kind", lambda kinds: "delivered" in set(kinds)),
        )
    )
    opened = (
        tables["messages"]
        .query("kind == 'opened' and not is_machine")[["campaign_id", "customer_id"]]
        .drop_duplicates()
    )
    mails["opened"] = pd.MultiIndex.from_frame(mails[["campaign_id", "customer_id"]]).isin(
        pd.MultiIndex.from_frame(opened)
    )
    held = tables["stg_assignments"].assign(
        customer_id=lambda rows: "p" + rows.node_id.str[1:],
        at=lambda rows: rows.assigned_at,
        opened=False,
        delivered=False,
    )
    people = pd.concat([mails, held[["campaign_id", "customer_id", "variant", "at", "opened", "delivered"]]])
    bought = people.merge(tables["orders"].query("is_purchase"), on="customer_id")
    late = bought.ordered_at - bought["at"]
    bought = bought[(late > pd.Timedelta(0)) & (late <= pd.Timedelta(days=DAYS))]
    buyers = pd.MultiIndex.from_frame(bought[["campaign_id", "customer_id"]])
    people["bought"] = pd.MultiIndex.from_frame(people[["campaign_id", "customer_id"]]).isin(buyers)
    return people


def newcombe(x1: int, n1: int, x0: int, n0: int) -> tuple[float, float]:
    """Newcombe's method 10 from Wilson's intervals as scipy gives them."""
    p1, p0 = x1 / n1, x0 / n0
    one = stats.binomtest(x1, n1).proportion_ci(method="wilson")
    two = stats.binomtest(x0, n0).proportion_ci(method="wilson")
    low = p1 - p0 - math.hypot(p1 - one.low, two.high - p0)
    high = p1 - p0 + math.hypot(one.high - p1, p0 - two.low)
    return low, high


def holm(ps: list[float]) -> list[bool]:
    """Holm's step-down at 5 % from p-values."""
    order = sorted(range(len(ps)), key=lambda at: ps[at])
    passed = [False] * len(ps)
    for rank, at in enumerate(order):
        if ps[at] > 0.05 / (len(ps) - rank):
            break
        passed[at] = True
    return passed


def test_comparisons_equal_scipy_and_only_the_planted_one_is_significant(
    made: tuple[duckdb.DuckDBPyConnection, dict[str, pd.DataFrame]],
) -> None:
    """Shares, Newcombe's interval, Holm's decision; of nine comparisons the holdout of C3 alone differs."""
    con, tables = made
    people = arms(tables)
    found = con.execute(
        "select campaign_id, comparison, n, buyers, baseline_n, baseline_buyers, ci_low, ci_high, z, is_significant"
        " from campaign_tests order by campaign_id, comparison"
    ).fetchall()
    expected, ps = [], []
    for campaign in ("C1", "C2", "C3"):
        mine = people[people.campaign_id == campaign]
        for comparison, yes, no in (
            ("holdout", mine.variant != "holdout", mine.variant == "holdout"),
            ("opened", mine.delivered & mine.opened, mine.delivered & ~mine.opened),
            ("variant", mine.variant == "b", mine.variant == "a"),
        ):
            x1, n1, x0, n0 = (
                int(v) for v in (mine[yes].bought.sum(), yes.sum(), mine[no].bought.sum(), no.sum())
            )
            pooled = (x1 + x0) / (n1 + n0)
            z = abs(x1 / n1 - x0 / n0) / math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
            expected.append((campaign, comparison, n1, x1, n0, x0, *newcombe(x1, n1, x0, n0), z))
            ps.append(2 * float(stats.norm.sf(z)))

    assert [row[:6] for row in found] == [row[:6] for row in expected]
    np.testing.assert_allclose([row[6:9] for row in found], [row[6:9] for row in expected], rtol=1e-9)
    assert [row[9] for row in found] == holm(ps)
    assert [row[:2] for row in found if row[9]] == [("C3", "holdout")]


def test_each_order_is_credited_once_to_the_last_delivery_before_it(
    made: tuple[duckdb.DuckDBPyConnection, dict[str, pd.DataFrame]],
) -> None:
    """Per campaign: people, orders, revenue and rates, by pandas; the sum over campaigns holds no order twice."""
    con, tables = made
    mails = tables["messages"]
    delivered = mails[mails.kind == "delivered"][["campaign_id", "customer_id", "occurred_at"]]
    pairs = tables["orders"].query("is_purchase").merge(delivered, on="customer_id")
    gap = pairs.ordered_at - pairs.occurred_at
    pairs = pairs[(gap > pd.Timedelta(0)) & (gap <= pd.Timedelta(days=DAYS))]
    last = pairs.sort_values("occurred_at").groupby("order_key").tail(1)
    human = mails[~mails.is_machine]
    expected = []
    for campaign in ("C1", "C2", "C3"):
        mine, sold = mails[mails.campaign_id == campaign], last[last.campaign_id == campaign]
        people = human[human.campaign_id == campaign]
        counts = [mine[mine.kind == kind].message_id.nunique() for kind in ("sent", "delivered", "bounced")]
        counts += [
            people[people.kind == kind].message_id.nunique() for kind in ("opened", "clicked", "unsubscribed")
        ]
        expected.append((campaign, *counts, sold.customer_id.nunique(), len(sold), sold.revenue.sum()))
    found = con.execute(
        "select campaign_id, sent, delivered, bounces, opened, clicked, unsubscribes, converted, orders, revenue::double"
        " from campaigns order by 1"
    ).fetchall()
    whole = con.execute(
        "select count(*), count(distinct order_key) from int_marketing__conversions"
    ).fetchone()
    costs = con.execute(
        "select cost::double, cost_per_conversion::double from campaigns order by campaign_id"
    ).fetchall()
    of_variants = con.execute(
        "select campaign_id, variant, cost::double, cost_per_conversion::double, cost_per_new_customer::double,"
        " revenue_per_cost from campaign_variants where spend_rows > 0 order by all"
    ).fetchall()
    arms_sold = last.merge(
        mails[["campaign_id", "customer_id", "variant"]].drop_duplicates(), on=["campaign_id", "customer_id"]
    )
    firsts = set(tables["orders"].query("is_purchase").sort_values(["ordered_at", "order_key"])
                 .drop_duplicates("customer_id").order_key)  # fmt: skip
    expected_of_variants: list[tuple[object, ...]] = []
    for campaign, arm, cost in (
        ("C1", "a", 100.0), ("C1", "b", 100.0), ("C2", "a", None), ("C2", "b", 7.0),
    ):  # fmt: skip
        sold = arms_sold[(arms_sold.campaign_id == campaign) & (arms_sold.variant == arm)]
        buyers, new = sold.customer_id.nunique(), sold.order_key.isin(firsts).sum()
        ratios = (
            (round(cost / buyers, 2), round(cost / new, 2), sold.revenue.sum() / cost)
            if cost
            else (None,) * 3
        )
        expected_of_variants.append((campaign, arm, cost, *ratios))
    parts = con.execute("select sum(sent), sum(converted) from campaign_variants").fetchone()

    assert found == expected
    assert whole == (len(last), len(last))
    assert costs == [(300.0, round(300 / expected[0][7], 2)), (None, None), (None, None)]
    assert of_variants == expected_of_variants
    assert parts == (sum(row[1] for row in expected), sum(row[7] for row in expected))


@pytest.mark.parametrize("tail", [0.07, 0.025, 0.025 / 7, 0.025 / 500, 1e-9])
def test_the_normal_quantile_is_scipys(tail: float) -> None:
    """What many comparisons ask for, to the last digits."""
    found = duckdb.sql(
        f"select {sql('normal_tail_quantile', repr(tail) + 'e0' if 'e' not in repr(tail) else repr(tail))}"
    )
    row = found.fetchone()

    assert row is not None
    assert row[0] == pytest.approx(float(stats.norm.isf(tail)), rel=1e-13)


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (3, 10), (0, 400), (400, 400), (37, 912)])
def test_a_share_has_wilsons_interval_and_holds_itself(successes: int, n: int) -> None:
    """Also where none or all succeeded; without a trial there is no interval."""
    row = duckdb.sql(f"select {sql('share_low', successes, n)}, {sql('share_high', successes, n)}").fetchone()
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    none = duckdb.sql(f"select {sql('share_low', 0, 0)}, {sql('share_high', 0, 0)}").fetchone()

    assert row is not None
    assert row == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert row[0] <= successes / n <= row[1]
    assert none == (None, None)
