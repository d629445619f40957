"""Each example company runs whole, and its published marts equal an independent computation on the raw files.

`cdp run` works on a copy of the company folder; what it published is compared with `tests/oracle.py`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from tests import commerce_oracle, oracle

ROOT = Path(__file__).resolve().parents[2]
COMPANIES = ("airport_survey", "grocery_loyalty", "helpdesk", "web_shop")
Marts = duckdb.DuckDBPyConnection


def run_company(name: str, folder: Path) -> Path:
    """Run a copy of the example in `folder`; returns its published file."""
    company = folder / name
    ignored = shutil.ignore_patterns(".cdp", "warehouse", "exports")
    shutil.copytree(ROOT / "examples" / name, company, ignore=ignored)
    # one of them as a user's machine runs it
    module = "cli.main" if name == "helpdesk" else "tests.quick_cdp"
    done = subprocess.run(
        [sys.executable, "-m", module, "run", "--config", str(company / "cdp.yml"), "--json"],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{name}: exit {done.returncode}\n{done.stderr[-4000:]}"
    return company / "warehouse" / "marts.duckdb"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Published file of each example that a test of this module asked for, run once."""
    folder = tmp_path_factory.mktemp("examples")
    return {name: run_company(name, folder) for name in COMPANIES}


def marts_of(published: dict[str, Path], name: str) -> Iterator[Marts]:
    """Read-only connection to one published file."""
    connection = duckdb.connect(str(published[name]), read_only=True)
    yield connection
    connection.close()


@pytest.fixture
def airport(published: dict[str, Path]) -> Iterator[Marts]:
    """Marts of the survey."""
    yield from marts_of(published, "airport_survey")


@pytest.fixture
def grocery(published: dict[str, Path]) -> Iterator[Marts]:
    """Marts of the loyalty scheme."""
    yield from marts_of(published, "grocery_loyalty")


@pytest.fixture
def helpdesk(published: dict[str, Path]) -> Iterator[Marts]:
    """Marts of the help desk."""
    yield from marts_of(published, "helpdesk")


@pytest.fixture
def web_shop(published: dict[str, Path]) -> Iterator[Marts]:
    """Marts of the synthetic shop."""
    yield from marts_of(published, "web_shop")


def one(marts: Marts, sql: str, *values: str) -> Any:
    """The single row of a query."""
    rows = marts.execute(sql, values).fetchall()
    assert len(rows) == 1, f"{len(rows)} rows: {sql}"
    return rows[0]


@pytest.mark.parametrize("question", list(oracle.SURVEY_QUESTIONS))
def test_airport_score_equals_the_oracle(airport: Marts, question: str) -> None:
    """NPS, CSAT and CES of every question: sample, figure and interval."""
    expected = oracle.survey_score(oracle.survey(), question)

    metric, n, score, ci_low, ci_high, enough = one(
        airport,
        """select metric, n, score, ci_low, ci_high, enough_n from marts.cx_scores
        where question = ? and period = 'all' and dimension = 'all'""",
        question,
    )

    assert (metric, n, enough) == (expected.metric, expected.n, True)
    assert (score, ci_low, ci_high) == pytest.approx(
        (expected.score, expected.ci_low, expected.ci_high), rel=1e-9
    )


def test_airport_counts_equal_the_oracle(airport: Marts) -> None:
    """Promoters, passives and detractors; satisfied passengers; who was ever invited is unknown."""
    nps = oracle.survey_score(oracle.survey(), "nps_overall")
    csat = oracle.survey_score(oracle.survey(), "csat_overall")
    sql = """select promoters, passives, detractors, satisfied, invited, response_rate from marts.cx_scores
        where question = ? and period = 'all' and dimension = 'all'"""

    promoters, passives, detractors, _, invited, rate = one(airport, sql, "nps_overall")
    satisfied = one(airport, sql, "csat_overall")[3]

    assert (promoters, passives, detractors) == (nps.high, nps.n - nps.high - nps.low, nps.low)
    assert (invited, rate) == (None, None)
    assert satisfied == csat.high


def test_airport_weighted_score_is_the_published_one(airport: Marts) -> None:
    """40.40, 2.83 either side, effective n 2,267: to the last digit shown, and as the oracle has it."""
    answers = oracle.survey()
    scores = oracle.survey_scores(answers, "nps_overall")
    weights = answers.loc[scores.index, "WEIGHT"].astype(float)

    score, low, high, effective = one(
        airport,
        """select weighted_score, weighted_ci_low, weighted_ci_high, effective_n from marts.cx_scores
        where question = 'nps_overall' and period = 'all' and dimension = 'all'""",
    )

    assert (round(score, 2), round((high - low) / 2, 2), round(effective)) == (40.40, 2.83, 2267)
    assert (score, low, high, effective) == pytest.approx(oracle.weighted("nps", scores, weights), rel=1e-6)


def test_airport_nps_by_a_declared_dimension(airport: Marts) -> None:
    """18.8 where a problem was met, 43.6 where not: a cut that only cdp.yml knows."""
    answers = oracle.survey()
    rows = airport.execute(
        """select dimension_value, n, score, ci_low, ci_high from marts.cx_scores
        where question = 'nps_overall' and period = 'all' and dimension = 'problem_met' order by 1"""
    ).fetchall()

    assert [row[0] for row in rows] == ["no", "unsure", "yes"]
    for row, code in zip(rows, ("2", "3", "1"), strict=True):
        wanted = oracle.survey_score(answers[answers["Q15PROBLEM"] == code], "nps_overall")
        assert row[1:] == pytest.approx((wanted.n, wanted.score, wanted.ci_low, wanted.ci_high), rel=1e-9)
    assert round((rows[0][4] - rows[0][3]) / 2, 1) == 2.8
    assert abs((rows[2][4] - rows[2][3]) / 2 - 8.5) < 0.1


def test_airport_drivers_equal_the_definition(airport: Marts) -> None:
    """LMG of seven items on overall satisfaction, over all 5,040 orders of entering."""
    answers = oracle.survey()
    rows = airport.execute(
        """select driver, n, importance, importance_low, importance_high, r_squared, refused_because
        from marts.cx_drivers where outcome = 'csat_overall' order by driver"""
    ).fetchall()
    parts = [oracle.survey_scores(answers, name) for name in ("csat_overall", *(row[0] for row in rows))]
    whole = pd.concat(parts, axis=1, join="inner").to_numpy(dtype=float)
    wanted = oracle.lmg(whole[:, 0], whole[:, 1:])

    assert len(rows) == 7
    assert {(row[1], row[6]) for row in rows} == {(len(whole), None)}
    assert [row[2] for row in rows] == pytest.approx(wanted, abs=1e-8)
    assert rows[0][5] == pytest.approx(wanted.sum(), abs=1e-8)
    assert all(row[3] < row[2] < row[4] for row in rows)


def test_airport_answers_without_a_credible_date_are_kept(airport: Marts) -> None:
    """Two sheets contradict their weekday: scored, but in no month."""
    answers = oracle.survey()
    scored = oracle.survey_scores(answers, "nps_overall")

    n, dated, customers = one(
        airport,
        """select count(*), count(responded_at), count(customer_id) from marts.feedback
        where question = 'nps_overall' and score is not null""",
    )
    months = airport.execute(
        """select sum(n) from marts.cx_scores
        where question = 'nps_overall' and period = 'month' and dimension = 'all'"""
    ).fetchone()

    assert (n, dated, customers) == (len(scored), len(scored) - 2, 0)
    assert months == (len(scored) - 2,)


def test_grocery_totals_equal_the_oracle(grocery: Marts) -> None:
    """Households, lines, baskets; sales and discounts to the cent."""
    expected = oracle.grocery()

    lines, net, discount, gross = one(
        grocery,
        """select count(*), sum(net_amount), sum(discount_amount), sum(gross_amount)
        from marts.order_lines""",
    )
    orders, order_net = one(grocery, "select count(*), sum(net_amount) from marts.orders")
    households = one(grocery, "select count(distinct customer_id) from marts.customer_360")[0]

    assert (households, lines, orders) == (expected.households, expected.lines, expected.baskets)
    assert int(net * 100) == int(order_net * 100) == expected.sales_cents
    assert int(discount * 100) == expected.discount_cents
    assert gross == net + discount


def test_grocery_household_equals_the_oracle(grocery: Marts) -> None:
    """Orders and revenue of each of the 2,469 households, one by one; a basket at zero is no purchase."""
    rows = grocery.execute(
        """select identifiers.value, profiles.orders, profiles.revenue
        from marts.customer_360 as profiles
        inner join marts.customer_identifiers as identifiers using (customer_id)
        where identifiers.type = 'user_id'"""
    ).fetchall()
    found = pd.DataFrame(
        [(int(household), int(orders), int(revenue * 100)) for household, orders, revenue in rows],
        columns=["household", "paid_baskets", "cents"],
    ).set_index("household")

    expected = oracle.grocery().per_household[["paid_baskets", "cents"]]
    pd.testing.assert_frame_equal(
        found.sort_index(), expected.sort_index(), check_dtype=False, check_index_type=False
    )


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    """Paid baskets of the raw file: household, day in New York, sales value."""
    lines = pd.read_parquet(ROOT / "examples" / "grocery_loyalty" / "data" / "transactions.parquet")
    lines["cents"] = (lines["sales_value"] * 100).round().astype("int64")
    baskets = lines.groupby("basket_id").agg(
        customer=("household_id", "first"), at=("transaction_timestamp", "min"), cents=("cents", "sum")
    )
    baskets = baskets[baskets["cents"] > 0]
    baskets["day"] = (
        baskets["at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York").dt.tz_localize(None)
    )
    baskets["customer"] = baskets["customer"].astype(str)
    return baskets.assign(revenue=[Decimal(int(one)) / 100 for one in baskets["cents"]])


def test_grocery_months_and_cohorts_equal_the_oracle(grocery: Marts, purchases: pd.DataFrame) -> None:
    """Active, new, reactivated, lost, dormant, repeat, orders and revenue of each month; every cohort."""
    expected = commerce_oracle.kpis(purchases, pd.Timestamp("2018-01-01"))
    rows = grocery.execute(
        """select month_start, active_customers, new_customers, reactivated, lost, at_stake, dormant, repeat_customers,
            orders, revenue
        from marts.kpis order by month_start"""
    ).fetchall()
    cohorts = grocery.execute(
        "select cohort_month, age_months, cohort_size, active from marts.retention_cohorts"
    ).fetchall()

    names = ["active", "new", "reactivated", "lost", "stake", "dormant", "repeat", "orders", "revenue"]
    for row, (_, month) in zip(rows, expected.iterrows(), strict=True):
        wanted = [None if name == "lost" and not month["complete"] else month[name] for name in names]
        assert [pd.Timestamp(row[0]), *row[1:]] == [month["month"], *wanted]
    seen = {(pd.Timestamp(month), age): (size, active) for month, age, size, active in cohorts}
    assert seen == commerce_oracle.cohorts(purchases, pd.Timestamp("2018-01-01"))


def test_grocery_lifecycle_equals_the_oracle(grocery: Marts, purchases: pd.DataFrame) -> None:
    """State and rhythm of each household by its own days of purchase."""
    expected = commerce_oracle.lifecycle(purchases, pd.Timestamp("2018-01-01"))
    found = grocery.execute(
        """select identifiers.value as household, lifecycle.lifecycle, lifecycle.rhythm_days
        from marts.customer_lifecycle as lifecycle
        inner join marts.customer_identifiers as identifiers using (customer_id)
        where identifiers.type = 'user_id'"""
    ).df()
    found = found.set_index("household").loc[expected.index]

    assert found["lifecycle"].tolist() == expected["state"].tolist()
    assert found["rhythm_days"].tolist() == expected["rhythm"].clip(lower=7).tolist()
    assert found["lifecycle"].nunique() >= 4


def test_grocery_has_no_line_of_2018_in_new_york(grocery: Marts) -> None:
    """The file's clock is UTC: lines dated 2018-01-01 there are the evening of 31 December here."""
    first, last = one(
        grocery,
        """select min(ordered_at), max(ordered_at) from marts.order_lines""",
    )

    assert str(first) == "2017-01-01 11:53:26"
    assert str(last) == "2018-01-01 04:01:20"


def test_helpdesk_tickets_equal_the_oracle(helpdesk: Marts) -> None:
    """Every case: first event, last event, hours between; first reply and customer are unknown."""
    rows = helpdesk.execute(
        """select ticket_id, opened_at, solved_at, resolution_hours, first_reply_at, customer_id
        from marts.tickets"""
    ).fetchall()

    expected = oracle.helpdesk()
    found = pd.DataFrame([row[1:4] for row in rows], index=[row[0] for row in rows])
    found.columns = pd.Index(["opened", "solved", "hours"])
    pd.testing.assert_frame_equal(
        found.sort_index(),
        expected[["opened", "solved", "hours"]].sort_index(),
        check_dtype=False,
        check_names=False,
        check_index_type=False,
        rtol=1e-12,
    )
    assert {row[4:] for row in rows} == {(None, None)}
    assert sum(row[3] for row in rows) / len(rows) / 24 == pytest.approx(expected["hours"].mean() / 24)


def test_helpdesk_service_metrics_equal_the_oracle(helpdesk: Marts) -> None:
    """Mean 8.80 days, median 3.93 as published; each month's figures by pandas; what a bare log cannot say is null."""
    cases = oracle.helpdesk()
    every = one(
        helpdesk,
        """select opened, resolution_n, resolution_mean_minutes / 1440, resolution_median_minutes / 1440,
            resolution_p90_minutes / 60, reopened, first_reply_n, first_reply_median_minutes
        from marts.service_metrics where period = 'all' and channel = 'all' and priority = 'all'""",
    )
    rows = helpdesk.execute(
        """select period_start, opened, solved, backlog, resolution_median_minutes / 60
        from marts.service_metrics where period = 'month' and channel = 'all' order by period_start"""
    ).fetchall()

    assert every[:2] == (3804, 3804)
    assert (round(every[2], 2), round(every[3], 2)) == (8.80, 3.93)
    assert every[4] == pytest.approx(cases["hours"].quantile(0.9), rel=1e-12)
    assert every[5:] == (None, None, None)
    opened, solved = (cases[name].dt.to_period("M") for name in ("opened", "solved"))
    for start, count, ended, backlog, median in rows:
        month = pd.Period(start, "M")
        done = cases[solved == month]["hours"]
        assert (count, ended) == (int((opened == month).sum()), done.size)
        assert backlog == int(((opened <= month) & (solved > month)).sum())
        assert (median is None) == done.empty
        assert median is None or median == pytest.approx(done.median(), rel=1e-12)
    assert sum(row[1] for row in rows) == 3804


def test_helpdesk_keeps_exact_repeats(helpdesk: Marts) -> None:
    """13,710 rows received and loaded: 91 repeat another inside the file and are kept."""
    received, loaded, duplicates = one(
        helpdesk,
        "select sum(received), sum(loaded), sum(duplicates) from ops.load_counts",
    )

    assert (received, loaded, duplicates) == (int(oracle.helpdesk()["events"].sum()),) * 2 + (0,)


def test_web_shop_sessions_equal_the_oracle(web_shop: Marts) -> None:
    """Sessions per user and events per session sum to the file, repeats included."""
    expected = oracle.clickstream()

    sessions, events, users = one(
        web_shop, "select count(*), sum(events), count(distinct customer_id) from marts.sessions"
    )

    assert sessions == int(expected["new_session"].sum())
    assert (events, users) == (len(expected), expected["user_id"].nunique())


def test_web_shop_purchases_are_no_orders(web_shop: Marts) -> None:
    """Purchases carry no amount: no order, no revenue, nobody is called a customer."""
    orders = one(web_shop, "select count(*) from marts.orders")[0]
    kinds = web_shop.execute(
        """select profile_kind, count(*), count(nullif(revenue, 0)) from marts.customer_360
        group by profile_kind"""
    ).fetchall()

    assert orders == 0
    assert kinds == [("lead", oracle.clickstream()["user_id"].nunique(), 0)]


def test_web_shop_conversion_equals_the_file_and_what_its_publisher_says(web_shop: Marts) -> None:
    """470 purchases of 328 users, a share per channel and device from the file, the published shares per life-cycle."""
    events = oracle.clickstream()
    visits = events.groupby("session_id").agg(
        bought=("event", lambda names: (names == "purchase").any()),
        channel=("acquisition_channel", "first"),
        device_type=("platform", "first"),
    )
    for dimension in ("channel", "device_type"):
        rows = web_shop.execute(
            "select dimension_value, n, converted, rate from marts.web_conversion where period = 'all' and dimension = ?",
            [dimension],
        ).fetchall()
        cut = visits.groupby(dimension)["bought"]
        assert {row[0]: row[1:] for row in rows} == {
            name: (int(size), int(hits), hits / size)
            for name, size, hits in zip(cut.sum().index, cut.size(), cut.sum(), strict=True)
        }
    purchases = one(
        web_shop,
        "select count(*), count(distinct customer_id), sum(first_weight) from marts.attribution where touch_no = 1",
    )
    sessions = web_shop.execute(
        """select value as user_id, started_at as "at", has_purchase from marts.sessions
        inner join marts.customer_identifiers using (customer_id) where type = 'user_id'"""
    ).df()
    lives = sessions.merge(events[events["new_session"]], on=["user_id", "at"])
    shares = lives.groupby("user_lifecycle")["has_purchase"].mean().round(3).to_dict()

    assert purchases == (470, 328, 470)
    assert len(lives) == len(sessions)
    assert shares == {"new": 0.084, "returning": 0.131, "loyal": 0.185}


@pytest.mark.parametrize("name", COMPANIES)
def test_every_received_row_is_accounted_for(published: dict[str, Path], name: str) -> None:
    """Conservation: received = loaded + duplicates + quarantined + suppressed; nothing was quarantined."""
    with duckdb.connect(str(published[name]), read_only=True) as marts:
        rows = marts.execute(
            "select table_name, received, loaded, duplicates, quarantined, suppressed from ops.load_counts"
        ).fetchall()

    assert rows
    for _table, received, loaded, duplicates, quarantined, suppressed in rows:
        assert received == loaded + duplicates + quarantined + suppressed
        assert (duplicates, quarantined, suppressed) == (0, 0, 0)


@pytest.mark.parametrize("name", COMPANIES)
def test_example_says_where_its_data_come_from(name: str) -> None:
    """Licence, caveats and three questions; synthetic data say so, and unlicensed copies say so."""
    text = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8")

    assert "## Origin, licence, attribution" in text
    assert "## Caveats" in text
    assert text.split("## Questions an analyst can ask")[1].count("\n1. ") == 1
    assert "\n3. " in text.split("## Questions an analyst can ask")[1]
    if name == "web_shop":
        assert text.startswith("# web_shop: a synthetic clickstream")
    if name in ("airport_survey", "helpdesk"):
        assert "No licence file travels with the copies" in text


def test_no_example_file_is_over_the_size_limit() -> None:
    """A clone stays small: 12 MB is the most for one file."""
    files = [path for name in COMPANIES for path in (ROOT / "examples" / name / "data").iterdir()]

    assert files
    assert max(path.stat().st_size for path in files) < 12_000_000
