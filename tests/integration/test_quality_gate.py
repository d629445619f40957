"""The gate with Great Expectations itself: verdicts, stored results, Data Docs, and when it is not needed."""

import json
from pathlib import Path
from typing import Any

from cli import quality, warehouse
from cli.config import Company
from tests.ops_company import CANARY, fill, make_company, python

VALIDATE = """
import json, sys
from pathlib import Path
from cli import quality
from cli.config import load_company
company = load_company(Path(sys.argv[1]))
result = quality.validate(company, sys.argv[2])
print(json.dumps([result.passed, result.blocked, result.carried_over, "great_expectations" in sys.modules]))
"""


def validate_apart(company: Company, run_id: str) -> list[bool]:
    """Run the gate in a process of its own: [passed, blocked, carried over, Great Expectations imported]."""
    process = python(VALIDATE, company.config_path, run_id)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found: list[bool] = json.loads(out.splitlines()[-1])
    return found


def rows(company: Company, sql: str) -> list[Any]:
    """Read stored results."""
    with warehouse.connect(company) as con:
        return con.execute(sql).fetchall()


def test_a_run_with_nothing_new_keeps_its_verdict_without_the_import(tmp_path: Path) -> None:
    """Great Expectations takes seconds to import, every night, for nothing."""
    company = make_company(tmp_path)
    fill(company)
    first = validate_apart(company, "r1")
    with warehouse.connect(company) as con:
        con.execute(
            "insert into ops.quality_results values"
            " ('r1', 'unique_x', 'dbt', 'critical', true, 0, 'no rows', timestamp '2099-01-01')"
        )
    second = validate_apart(company, "r2")
    fill(company, customers=11)
    third = validate_apart(company, "r3")
    columns = "table_name, check_name, passed, measured, threshold"
    sql = f"select {columns} from ops.quality_results where table_name <> 'dbt' and run_id ="

    assert first == [True, False, False, True]
    assert second == [True, False, True, False]
    assert third == [True, False, False, True]
    assert rows(company, f"{sql} 'r2' order by all") == rows(company, f"{sql} 'r1' order by all")


def test_no_run_id_is_taken_for_a_time(tmp_path: Path) -> None:
    """An id that once ended a run: read as a time, its tail is an offset of 67 hours."""
    company = make_company(tmp_path)
    fill(company)

    assert validate_apart(company, "20261122T074213Z-6709ad") == [True, False, False, True]
    pages = list((company.dot / "data_docs" / "validations").rglob("*.html"))
    assert pages
    assert all("6709ad" in str(page) for page in pages)


def test_a_critical_failure_blocks_and_is_carried_until_it_is_mended(tmp_path: Path) -> None:
    """A verdict that fades with the next quiet run would publish what was just refused."""
    company = make_company(tmp_path)
    fill(company)
    with warehouse.connect(company) as con:
        con.execute("update marts.customer_360 set customer_id = 'c0'")
    first, second = quality.validate(company, "r1"), quality.validate(company, "r2")
    fill(company)
    third = quality.validate(company, "r3")

    assert [first.blocked, second.blocked, third.blocked] == [True, True, False]
    assert [first.carried_over, second.carried_over, third.carried_over] == [False, True, False]
    assert [(one.check, one.measured) for one in first.failures] == [("key_distinct_share", 0.1)]
    assert "key_distinct_share: 0.1, expected at least 1" in str(first.failures[0])


def test_a_warning_does_not_block(tmp_path: Path) -> None:
    """Half the rows gone may be a seasonal source; a person decides."""
    company = make_company(tmp_path)
    fill(company, customers=100)
    quality.validate(company, "r1")
    fill(company, customers=10)
    result = quality.validate(company, "r2")

    assert not result.passed
    assert not result.blocked
    assert {(one.table, one.check) for one in result.failures} == {
        ("marts.customer_360", "volume"),
        ("raw_crm.contacts", "volume"),
    }


def test_quarantine_over_its_limit_blocks(tmp_path: Path) -> None:
    """A delivery that is a fifth garbage says that its format has changed."""
    company = make_company(tmp_path)
    fill(company)
    with warehouse.connect(company) as con:
        con.execute("update ops.load_counts set quarantined = 2, loaded = 8")
    result = quality.validate(company, "r1")

    assert result.blocked
    assert [(one.table, one.check, one.measured) for one in result.failures] == [
        ("raw_crm.contacts", "quarantine_share", 0.2)
    ]


def test_results_and_pages_name_no_person(tmp_path: Path) -> None:
    """Results are published, and Data Docs are read by people who may not see customers."""
    company = make_company(tmp_path)
    fill(company)
    with warehouse.connect(company) as con:
        con.execute("update marts.customer_360 set customer_id = email")
    result = quality.validate(company, "r1")
    pages = list((company.dot / "data_docs").rglob("*.html"))
    stored = rows(company, "select quality_results::varchar from ops.quality_results")

    assert result.blocked
    assert {page.stem for page in pages} >= {"index", "customer_360", "contacts"}
    assert not [page for page in pages if CANARY in page.read_text(encoding="utf-8")]
    assert len(stored) == len(result.results) > 10
    assert not [row for row in stored if CANARY in row[0]]


def test_results_of_a_repeated_run_replace_each_other(tmp_path: Path) -> None:
    """`cdp validate` after a kill keeps the run id; doubled rows would double every count of failures."""
    company = make_company(tmp_path)
    fill(company)
    quality.validate(company, "r1")
    result = quality.validate(company, "r1")

    assert rows(company, "select count(*) from ops.quality_results") == [(len(result.results),)]


def test_the_judge_opens_no_connection(tmp_path: Path) -> None:
    """Usage statistics would tell a third party that and when a company runs."""
    company = make_company(tmp_path)
    fill(company)
    watch = "import socket\ncalls = []\nsocket.socket.connect = lambda self, at: calls.append(at)\n"
    process = python(f"{watch}{VALIDATE}\nprint(calls)", company.config_path, "r1")
    out, err = process.communicate(timeout=120)

    assert out.splitlines()[-2:] == ["[true, false, false, true]", "[]"], err
