"""What the gate measures: each rule sees its defect and nothing else, and equal states look equal."""

from pathlib import Path
from typing import Any

import pytest

from cli import quality_measures, warehouse
from cli.config import Company
from cli.quality_measures import Last, measure
from tests.ops_company import fill, make_company

Found = dict[tuple[str, str], tuple[float | None, str]]


def measured(company: Company, history: dict[tuple[str, str], Last] | None = None) -> Found:
    """(table, check) -> (number, threshold)."""
    with warehouse.connect(company) as con:
        found = measure(con, company, history or {})
    return {(one.check.table, one.check.name): (one.measured, one.check.threshold) for one in found}


def change(company: Company, sql: str) -> None:
    """Plant a defect."""
    with warehouse.connect(company) as con:
        con.execute(sql)


def test_only_tables_that_exist_are_measured(tmp_path: Path) -> None:
    """A company without surveys has no feedback to judge."""
    company = make_company(tmp_path)
    fill(company)

    assert {table for table, _ in measured(company)} == {"marts.customer_360", "raw_crm.contacts"}


@pytest.mark.parametrize(
    ("defect", "check", "number"),
    [
        ("update marts.customer_360 set customer_id = null where customer_id = 'c1'", "key_null_share", 0.1),
        (
            "update marts.customer_360 set customer_id = 'c0' where customer_id = 'c1'",
            "key_distinct_share",
            0.9,
        ),
        (
            "update marts.customer_360 set profile_kind = null where customer_id = 'c1'",
            "null_share:profile_kind",
            0.1,
        ),
        ("update marts.customer_360 set profile_kind = 'x' where customer_id = 'c1'", "rule:known_kind", 0.1),
        ("update marts.customer_360 set orders = -3 where customer_id = 'c1'", "min:orders", -3.0),
    ],
)
def test_each_rule_sees_its_defect(tmp_path: Path, defect: str, check: str, number: float) -> None:
    """A rule that measures something else passes on the day it is needed."""
    company = make_company(tmp_path)
    fill(company)
    before = measured(company)
    change(company, defect)
    after = measured(company)

    assert after["marts.customer_360", check][0] == pytest.approx(number)
    assert before["marts.customer_360", check][0] != pytest.approx(number)


@pytest.mark.parametrize(
    ("column", "check"),
    [
        ("orders", "missing_columns:orders"),
        ("last_seen_at", 'unusable_rule:Referenced column "last_seen_at" not found in FROM clause!'),
    ],
)
def test_a_renamed_column_fails_instead_of_switching_checks_off(
    tmp_path: Path, column: str, check: str
) -> None:
    """A check that quietly stops is worse than none: people rely on it."""
    company = make_company(tmp_path)
    fill(company)
    change(company, f"alter table marts.customer_360 rename {column} to renamed")

    found = measured(company)
    assert found["marts.customer_360", check] == (1.0, "at most 0")


def test_references_are_checked_against_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order of nobody is lost for every customer number; an order without a customer is not an orphan."""
    company = make_company(tmp_path)
    fill(company)
    change(company, "create table marts.orders as select unnest(['c1', 'c2', 'gone', null]) as customer_id")
    spec: dict[str, Any] = {"marts.orders": {"parents": {"customer_id": "marts.customer_360.customer_id"}}}
    monkeypatch.setattr(quality_measures, "_specs", lambda: spec)

    found = measured(company)
    assert found["marts.orders", "orphan_share:customer_id"] == (0.25, "at most 0")
    assert found["marts.orders", "rows"][0] == 4


def test_loads_are_held_against_quarantine_limit_and_conservation(tmp_path: Path) -> None:
    """Share still open of the latest delivery, so that a repaired one opens the gate; books over all loads."""
    company = make_company(tmp_path)
    fill(company)
    change(
        company,
        "delete from ops.load_counts; insert into ops.load_counts values"
        " ('r', 'crm', 'contacts', '1', 1, 100, 50, 0, 50, 0, 0, false),"
        " ('r', 'crm', 'contacts', '2', 2, 100, 93, 0, 5, 0, 2, false),"
        " ('r', 'crm', 'contacts', '3', 3, 4, 2, 0, 2, 0, 0, true),"
        " ('r', 'old', 'contacts', '9', 9, 100, 0, 0, 0, 0, 0, false)",
    )

    found = measured(company)
    assert found["raw_crm.contacts", "quarantine_share"] == (0.03, "at most 0.01")
    assert found["raw_crm.contacts", "conservation"] == (2.0, "at most 0")
    assert not [table for table, _ in found if table.startswith("raw_old")]


def test_volume_compares_with_the_last_other_count(tmp_path: Path) -> None:
    """Two equal runs must measure the same, or the second would be judged again for nothing."""
    company = make_company(tmp_path)
    fill(company, customers=4)
    key, rows = ("marts.customer_360", "volume"), ("marts.customer_360", "rows")

    first = measured(company)
    shrunk = measured(company, {rows: Last(True, 10.0, "at least 0")})
    again = measured(company, {rows: Last(True, 4.0, "at least 0"), key: Last(False, 0.4, "at least 0.5")})

    assert first[key] == (None, "at least 0.5")
    assert shrunk[key] == (0.4, "at least 0.5")
    assert again == shrunk


def test_a_table_that_had_rows_may_not_become_empty(tmp_path: Path) -> None:
    """An empty customer_360 is a broken build, on this run and on each one after it."""
    company = make_company(tmp_path)
    fill(company)
    key = ("marts.customer_360", "keeps_rows")
    with_rows = measured(company)[key]
    change(company, "delete from marts.customer_360")
    emptied = measured(company, {("marts.customer_360", "rows"): Last(True, 10.0, "at least 0")})[key]
    still = measured(company, {key: Last(False, 0.0, "at least 1")})[key]

    assert with_rows == (10.0, "at least 1")
    assert emptied == still == (0.0, "at least 1")
    assert measured(company)[key] == (0.0, "at least 0")
