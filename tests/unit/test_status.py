"""Status must tell the truth during a run, after it and before the first, and never stand in its way."""

import io
import json
from pathlib import Path

from rich.console import Console

from cli import publish, warehouse
from cli.config import Company
from cli.runs import RunLog
from cli.status import render, status
from tests.ops_company import fill, first_line, make_company, python
from tests.unit.test_runs import AS_OF

HOLD = "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def a_run(company: Company) -> None:
    """One run with a step, a failed check and a publish."""
    run = RunLog.begin(company, "run", AS_OF, "r1")
    with run.step("load") as step:
        step.rows = 10
    fill(company)
    with warehouse.connect(company) as con:
        con.execute(
            "insert into ops.quality_results values"
            " ('r1', 'rows', 'marts.x', 'warning', false, 3, 'at least 5', timestamp '2026-06-30')"
        )
    publish.publish(company, "r1")
    run.finish("succeeded", 0, {"profiles": 10})


def page(company: Company) -> str:
    """What a person sees, without a terminal."""
    out = io.StringIO()
    render(status(company), Console(file=out, width=120))
    return out.getvalue()


def test_before_the_first_run_it_says_how_to_start(tmp_path: Path) -> None:
    """And it creates nothing."""
    company = make_company(tmp_path)

    assert "no run yet: `cdp run`" in page(company)
    assert status(company)["published"] is None
    assert not company.warehouse.exists()


def test_it_shows_run_steps_loads_failures_and_publish(tmp_path: Path) -> None:
    """Everything an operator asks first."""
    company = make_company(tmp_path)
    a_run(company)
    found = status(company)
    shown = page(company)

    assert json.loads(json.dumps(found)) == found
    assert found["runs"][0] | {"started_at": "", "finished_at": ""} == {
        "run_id": "r1",
        "command": "run",
        "started_at": "",
        "finished_at": "",
        "status": "succeeded",
        "exit_code": 0,
        "as_of": "2026-06-30T12:00:00+00:00",
        "error": None,
    }
    assert [step["step"] for step in found["steps"]] == ["load"]
    assert found["loads"][0]["received"] == 10
    assert found["published"]["run_id"] == "r1"
    assert found["published"]["tables"] > 5
    for word in ("r1", "succeeded", "load", "contacts", "at least 5", "marts.duckdb"):
        assert word in shown
    assert "\x1b[" not in shown


def test_during_a_run_the_published_file_answers(tmp_path: Path) -> None:
    """The warehouse is locked for hours on a first load; status must not wait for it."""
    company = make_company(tmp_path)
    a_run(company)
    other = python(HOLD, company.warehouse)
    try:
        assert first_line(other) == "held"
        found = status(company)
    finally:
        other.kill()
        other.wait()

    assert found["read_from"] == "published file"
    # Published while it ran; its log knows how it ended.
    assert [(run["run_id"], run["status"], run["exit_code"]) for run in found["runs"]] == [
        ("r1", "succeeded", 0)
    ]
