"""Sales figures: the SQL of the models over made deals with a log of stages, against pandas from the same rows.

No dbt: the models' text runs in DuckDB over frames.
"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from cli.config import load_company
from cli.config_sales import Sales
from pipelines.errors import UsageError
from tests.macros import model_sql

AS_OF = pd.Timestamp("2026-06-30")
MATURE = pd.Timedelta(days=60)
ORDER = ("lead", "talk", "offer")
MODELS = (
    "int_sales__deals",
    "int_sales__deal_states",
    "deal_stages",
    "sales_stages",
    "sales_stage_conversion",
    "sales_performance",
    "deals",
    "sales_pipeline",
)
Made = tuple[duckdb.DuckDBPyConnection, pd.DataFrame, pd.DataFrame]


def log_of(seed: int, deals: int) -> pd.DataFrame:
    """Stage entries of deals that go forward, skip and step back, and end or lie still."""
    rng = np.random.default_rng(seed)
    rows = []
    for deal in range(deals):
        moment = pd.Timestamp("2026-01-01") + pd.Timedelta(hours=int(rng.integers(0, 175 * 24)))
        stage = 0
        while moment < AS_OF:
            rows.append((f"d{deal}", ORDER[stage], moment))
            moment += pd.Timedelta(hours=int(rng.exponential(300)) + 1)
            step = rng.random()
            if step < 0.2:
                break
            if (stage == 2 and step < 0.6) or step < 0.25:
                rows += (
                    [(f"d{deal}", "won" if rng.random() < 0.5 else "lost", moment)] if moment < AS_OF else []
                )
                break
            back = stage > 0 and step > 0.95
            stage = stage - 1 if back else min(stage + (2 if step > 0.85 else 1), 2) if stage < 2 else 1
    return pd.DataFrame(rows, columns=["subject_id", "stage", "changed_at"])


@pytest.fixture(scope="module")
def made() -> Made:
    """The sales marts over made tables; four of five deals are in pipeline p, the amounts of some in another currency."""
    con = duckdb.connect()
    log = log_of(11, 900)
    deals = log.groupby("subject_id").agg(
        stage=("stage", "last"), created_at=("changed_at", "min"), at=("changed_at", "last")
    )
    deals = deals.reset_index().rename(columns={"subject_id": "deal_id"})
    rng = np.random.default_rng(12)
    ended = deals.stage.isin(["won", "lost"])
    deals["closed_at"] = deals["at"].where(
        ended, deals["created_at"] + pd.to_timedelta(rng.integers(5, 90, len(deals)), unit="D")
    )
    deals["amount"] = rng.integers(10, 1000, len(deals))
    deals["currency"] = np.where(rng.random(len(deals)) < 0.1, "EUR", "USD")
    deals["pipeline"] = np.where(rng.random(len(deals)) < 0.8, "p", "q")
    con.register("made_deals", deals)
    con.register("made_log", log)
    con.execute(
        "create table stg_deals as select * replace (cast(amount as decimal(18, 2)) as amount), 'crm' as source,"
        " 'crm.deals:' || deal_id as record_id, 'b' as brand, null as node_id, 'n' as name, 'Linh' as owner,"
        " null::boolean as is_won, timestamp '2026-06-01' as record_updated_at from made_deals"
    )
    con.execute(
        "create table stg_stage_changes as select *, 'crm' as source, 'deal' as subject_type,"
        " 'l' || row_number() over () as record_id from made_log"
    )
    con.execute("create table node_customers (node_id varchar, customer_id varchar)")
    con.execute(
        "create table stg_deal_versions as select record_id, source, stage, closed_at, record_updated_at as updated_at,"
        " 1 as version_no from stg_deals"
    )
    con.execute(
        "create table deal_observations (record_id varchar, stage varchar, closed_at timestamp, observed_at timestamp,"
        " observation_no bigint)"
    )
    declared = [(name, place, None, False, False) for place, name in enumerate(ORDER, start=1)]
    declared += [("won", 4, None, True, False), ("lost", 5, None, False, True)]
    con.execute(
        "create table config_deal_stages (pipeline varchar, stage varchar, stage_order integer, probability double,"
        " is_won boolean, is_lost boolean)"
    )
    con.executemany("insert into config_deal_stages values (null, ?, ?, ?, ?, ?)", declared)
    con.execute(f"create table config_sales as select {MATURE.days} as mature_days")
    con.execute("create table run_clock as select cast(? as timestamp) as as_of", [AS_OF])
    for name in MODELS:
        con.execute(f"create table {name} as {model_sql(f'marts/sales/{name}.sql')}")
    return con, deals, log


def first_entries(deals: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """First entry of each deal into each open stage, with what became of it within the limit."""
    rows = []
    known = deals.set_index("deal_id")
    for deal, entries in log.groupby("subject_id"):
        one = known.loc[deal]
        seen = set()
        for place in range(len(entries)):
            stage, at = entries.stage.iloc[place], entries.changed_at.iloc[place]
            if stage in seen or stage not in ORDER:
                continue
            seen.add(stage)
            later = [
                moment
                for name, moment in zip(
                    entries.stage.iloc[place + 1 :], entries.changed_at.iloc[place + 1 :], strict=True
                )
                if name != "lost" and (name == "won" or ORDER.index(name) > ORDER.index(stage))
            ]
            won = one.stage == "won" and one["at"] <= at + MATURE
            lost = one.stage == "lost" and one["at"] <= at + MATURE
            moved = won or (bool(later) and min(later) <= at + MATURE)
            rows.append((one.pipeline, stage, at, moved, won, lost))
    return pd.DataFrame(rows, columns=["pipeline", "stage", "at", "moved", "won", "lost"])


def mature(months: pd.Series, days: pd.Timedelta) -> pd.Series:
    """Cohort months that have had their time."""
    return months + pd.offsets.MonthBegin(1) + days <= AS_OF


def test_stage_conversion_and_chances_equal_pandas(made: Made) -> None:
    """Every cohort; young ones have their size and nothing else."""
    con, deals, log = made
    entries = first_entries(deals, log)
    entries["month"] = entries["at"].dt.to_period("M").dt.to_timestamp()
    expected = []
    for (pipeline, stage, month), rows in entries.groupby(["pipeline", "stage", "month"]):
        ripe = bool(mature(pd.Series([month]), MATURE).iloc[0])
        counts = [int(rows[name].sum()) if ripe else None for name in ("moved", "won", "lost")]
        expected.append((pipeline, stage, month.date(), len(rows), *counts))
    found = con.execute(
        "select pipeline, stage, cohort_month, entered, moved_on, won, lost from sales_stage_conversion order by 1, 2, 3"
    ).fetchall()
    ripe = entries[entries["at"] + MATURE <= AS_OF].groupby(["pipeline", "stage"]).won.agg(["size", "sum"])
    chances = con.execute(
        "select pipeline, stage, n, won, probability from sales_stages order by 1, 2"
    ).fetchall()

    assert found == expected
    assert any(row[4] is None for row in found)
    assert [row[:4] for row in chances] == [
        (*key, int(row["size"]), int(row["sum"])) for key, row in ripe.iterrows()
    ]
    assert all(
        (row[4] is None) == (row[2] < 30) and (row[4] is None or row[4] == row[3] / row[2]) for row in chances
    )


def test_win_rates_of_both_kinds_equal_pandas(made: Made) -> None:
    """By the month of the end, and by the month of creation with wins in time only."""
    con, deals, _ = made
    ended = deals[deals.stage.isin(["won", "lost"])]
    in_time = deals["at"] <= deals["created_at"] + MATURE
    expected = {}
    for basis, rows, moment, won in (
        ("ended", ended, ended["at"], ended.stage == "won"),
        ("created", deals, deals["created_at"], (deals.stage == "won") & in_time),
    ):
        month = moment.dt.to_period("M").dt.to_timestamp()
        ripe = mature(month, MATURE) if basis == "created" else pd.Series(True, index=rows.index)
        valued = rows.amount.where(rows.currency == "USD")
        for (pipeline, start), group in rows.groupby([rows.pipeline, month]):
            at = group.index
            shown = bool(ripe[at].all())
            wins = at[won[at]]
            expected[basis, pipeline, start.date()] = (
                len(at),
                len(wins) if shown else None,
                valued[wins].sum() if shown else 0,
            )
        for pipeline, group in rows[ripe].groupby("pipeline"):
            wins = group.index[won[group.index]]
            expected[basis, pipeline, None] = (len(group), len(wins), valued[wins].sum())
    found = {
        row[:3]: row[3:]
        for row in con.execute(
            "select basis, pipeline, month_start, deals, won, coalesce(won_amount, 0)::double from sales_performance"
        ).fetchall()
    }

    assert found == expected


def test_open_deals_and_their_weighted_value_equal_pandas(made: Made) -> None:
    """Per pipeline, stage and currency: number, amount, weighted amount, and those open after their expected close."""
    con, deals, _ = made
    chance = {
        row[:2]: row[2]
        for row in con.execute("select pipeline, stage, probability from sales_stages").fetchall()
    }
    open_deals = deals[~deals.stage.isin(["won", "lost"])]
    expected = []
    for (pipeline, stage, currency), rows in open_deals.groupby(["pipeline", "stage", "currency"]):
        one = chance[pipeline, stage]
        weighted = (
            None
            if one is None
            else pytest.approx(float((rows.amount * one).round(2).sum()), abs=0.01 * len(rows))
        )
        overdue = int((rows.closed_at < AS_OF).sum())
        expected.append((pipeline, stage, currency, len(rows), float(rows.amount.sum()), weighted, overdue))
    found = con.execute(
        "select pipeline, stage, currency, open_deals, amount::double, weighted_amount::double, overdue_deals"
        " from sales_pipeline order by 1, 2, 3"
    ).fetchall()

    assert found == expected


WRONG = [
    ("sales:\n  stages:\n    won: {is_won: true, is_lost: true}\n", 8, "cannot be both won and lost"),
    ("sales:\n  stages:\n    won: {is_won: true, probability: 0.5}\n", 8, "needs no probability"),
    ("sales:\n  stages:\n    Lead: {}\n    lead: {}\n", 7, "differ only in capitals"),
    ("sales:\n  stages:\n    lead: {probability: 60}\n", 8, "less than or equal to 1"),
    ("sales:\n  mature_after: 3 months\n", 7, "should match pattern"),
    ("campaigns:\n  counted_from: opening\n", 7, "'delivery' or 'click'"),
    ("campaigns:\n  holdout_variants: ['a|b']\n", 7, "should match pattern"),
]


@pytest.mark.parametrize(("said", "line", "why"), WRONG)
def test_a_wrong_setting_is_refused_with_its_line(tmp_path: Path, said: str, line: int, why: str) -> None:
    """What, where and why, before anything runs (exit 2)."""
    text = (
        "sources:\n  - name: crm\n    connector: files\n    tables:\n"
        "      - {name: c, entity: contact, path: c.csv, key: [id], columns: {email: email}}\n"
    )
    path = tmp_path / "cdp.yml"
    path.write_text(text + said)
    with pytest.raises(UsageError) as caught:
        load_company(path)

    assert f"cdp.yml:{line}: " in str(caught.value)
    assert why in str(caught.value)
    assert caught.value.exit_code == 2


def test_stages_are_read_by_pipeline_in_lower_case_and_in_order() -> None:
    """`pipeline.stage` splits at the last dot; a stage that says nothing is an open one."""
    said = Sales.model_validate({"stages": {"Big deals.v2.Lead": None, "Won": {"is_won": True}}})

    assert said.stage_rows == [
        ("Big deals.v2", "lead", 1, None, False, False),
        (None, "won", 2, None, True, False),
    ]
