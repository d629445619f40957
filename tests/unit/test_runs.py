"""The run record must be right for runs that ended well, badly, or not at all."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli import runs, warehouse
from cli.config import Company
from tests.ops_company import make_company

AS_OF = datetime(2026, 6, 30, 19, tzinfo=timezone(timedelta(hours=7)))


def rows(company: Company, sql: str) -> list[Any]:
    """Read the run record."""
    with warehouse.connect(company) as con:
        return con.execute(sql).fetchall()


def test_ids_sort_by_start() -> None:
    """Logs and files are listed by name; names must follow time."""
    early = runs.new_run_id(datetime(2026, 6, 30, 12, tzinfo=UTC))
    late = runs.new_run_id(datetime(2026, 6, 30, 12, 0, 1, tzinfo=UTC))

    assert early.startswith("20260630T120000Z-")
    assert early < late
    assert early != runs.new_run_id(datetime(2026, 6, 30, 12, tzinfo=UTC))


def test_a_finished_run_has_its_steps_and_outcome(tmp_path: Path) -> None:
    """What `cdp status` shows comes from here."""
    company = make_company(tmp_path)
    run = runs.RunLog.begin(company, "run", AS_OF, "r1")
    with run.step("load") as step:
        step.rows = 7
    run.finish("partial", 4, {"profiles": 3}, "crm: no file")

    found = rows(company, "select run_id, command, status, exit_code, as_of, summary, error from ops.runs")
    assert found == [
        ("r1", "run", "partial", 4, datetime(2026, 6, 30, 12), '{"profiles": 3}', "crm: no file")
    ]
    assert rows(company, "select run_id, step, rows, status from ops.run_steps") == [
        ("r1", "load", 7, "succeeded")
    ]
    assert rows(company, "select 1 from ops.runs where finished_at < started_at") == []


def test_a_failed_step_is_recorded_and_the_error_goes_on(tmp_path: Path) -> None:
    """A record that swallowed the error would end in exit 0."""
    company = make_company(tmp_path)
    run = runs.RunLog.begin(company, "run", AS_OF)
    with pytest.raises(ZeroDivisionError), run.step("build"):
        _ = 1 / 0

    assert rows(company, "select step, status from ops.run_steps") == [("build", "failed")]


def test_the_next_run_closes_a_dead_one(tmp_path: Path) -> None:
    """A killed run can not write its own end."""
    company = make_company(tmp_path)
    runs.RunLog.begin(company, "run", AS_OF, "r1")
    second = runs.RunLog.begin(company, "run", AS_OF, "r2")
    second.finish("succeeded", 0)

    found = rows(company, "select run_id, status, finished_at is not null from ops.runs order by run_id")
    assert found == [("r1", "died", True), ("r2", "succeeded", True)]


def test_steps_wait_in_memory_while_the_file_is_held(tmp_path: Path) -> None:
    """The warehouse is held by dlt and dbt with settings of their own; a second handle would be refused."""
    company = make_company(tmp_path)
    run = runs.RunLog.begin(company, "run", AS_OF)
    held = duckdb.connect(str(company.warehouse), config={"threads": "1"})
    with run.step("load"):
        pass
    held.close()
    with run.step("build"):
        pass
    run.finish("succeeded", 0)

    assert rows(company, "select step from ops.run_steps order by started_at") == [("load",), ("build",)]


def test_the_log_is_one_json_object_a_line_for_the_owner_only(tmp_path: Path) -> None:
    """A log shipper reads it; nobody else should."""
    company = make_company(tmp_path)
    run = runs.RunLog.begin(company, "run", AS_OF, "r1")
    with run.step("load"):
        run.log("loaded", files=2)
    run.finish("succeeded", 0)
    path = company.dot / "logs" / "run-r1.ndjson"
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    assert [line["event"] for line in lines] == [
        "run.begin",
        "step.begin",
        "loaded",
        "step.end",
        "run.finish",
    ]
    assert {line["run_id"] for line in lines} == {"r1"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_clock_has_one_row(tmp_path: Path) -> None:
    """Models join it: a second row would double every mart."""
    company = make_company(tmp_path)
    with warehouse.connect(company) as con:
        runs.ensure(con)
        runs.set_clock(con, AS_OF, "r1")
        runs.set_clock(con, AS_OF + timedelta(days=1), "r2")

    assert rows(company, "from ops.clock") == [(datetime(2026, 7, 1, 12), "r2")]
