"""How the last runs went: ops tables -> one plain dictionary -> a page for people, or JSON.

While a run holds the warehouse its record is read from the published file, which nobody ever locks: status
never waits and never disturbs. A run is published before it ends, so how it ended is taken from its log then.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from cli import lock, publish, warehouse
from cli.config import Company
from pipelines.errors import BusyError

_COLOURS = {"succeeded": "green", "running": "cyan", "partial": "yellow", "blocked": "red", "failed": "red"}

_RUNS = """
select run_id, command, started_at, finished_at, status, exit_code, as_of, error
from {ops}.runs order by started_at desc, run_id desc limit ?
"""
_STEPS = (
    "select step, started_at, seconds, rows, status from {ops}.run_steps where run_id = ? order by started_at"
)
_PUBLISHED = """
select run_id, published_at, count(*) as tables, sum(row_count) as rows
from {ops}.published where file = ? group by run_id, published_at order by published_at desc limit 1
"""
_QUALITY = """
select run_id, table_name, check_name, severity, measured, threshold
from {ops}.quality_results
where not passed and run_id = (select arg_max(run_id, checked_at) from {ops}.quality_results)
order by severity, table_name, check_name
"""
_TESTS = """
select
    count(*) filter (where results.checked_at >= runs.started_at) as asked,
    count(*) filter (where results.checked_at < runs.started_at) as carried_over
from {ops}.quality_results as results
inner join {ops}.runs as runs on results.run_id = runs.run_id
where
    results.table_name = 'dbt'
    and results.run_id = (select arg_max(run_id, checked_at) from {ops}.quality_results)
"""
_LOADS = """
select source, table_name, load_seq, received, loaded, duplicates, quarantined, suppressed
from {ops}.load_counts
qualify row_number() over (partition by source, table_name order by load_seq desc, load_id desc) = 1
order by source, table_name
"""
_FRESHNESS = "select source, fresh_until from {ops}.freshness where file = ? order by source"


def status(company: Company, runs: int = 10) -> dict[str, Any]:
    """Return the last runs, the steps of the newest, what is published, and what the gate found."""
    holder = lock.holder(company)
    found: dict[str, Any] = {"company": str(company.root), "active": asdict(holder) if holder else None}
    name = company.published.name
    with _ops(company) as (con, ops, read_from):
        found["read_from"] = read_from
        last = [_ended(company, run) for run in _rows(con, ops, "runs", _RUNS, [runs])]
        found["runs"] = last
        found["steps"] = _rows(con, ops, "run_steps", _STEPS, [last[0]["run_id"]]) if last else []
        published = _rows(con, ops, "published", _PUBLISHED, [name])
        found["quality_failures"] = _rows(con, ops, "quality_results", _QUALITY, [])
        found["tests"] = next(iter(_rows(con, ops, "quality_results", _TESTS, [])), None)
        found["loads"] = _rows(con, ops, "load_counts", _LOADS, [])
        found["freshness"] = _rows(con, ops, "freshness", _FRESHNESS, [name])
    found["published"] = _published(company, published)
    return found


def render(found: dict[str, Any], console: Console) -> None:
    """Print `status` for people; readable without colour."""
    if active := found["active"]:
        console.print(
            f"active: cdp {active['command']}, process {active['pid']}, since {active['started_at']}"
        )
    if not found["runs"]:
        console.print("no run yet: `cdp run`")
        return
    runs = _table("last runs", ("run", "command", "status", "exit", "as of"))
    for run in found["runs"]:
        colour = _COLOURS.get(run["status"], "magenta")
        shown = f"[{colour}]{run['status']}[/{colour}]"
        runs.add_row(run["run_id"], run["command"], shown, _text(run["exit_code"]), _text(run["as_of"]))
    console.print(runs)
    if error := found["runs"][0]["error"]:
        console.print(f"last error: {error}", markup=False)
    _print(console, "steps of the last run", found["steps"], ("step", "seconds", "rows", "status"))
    loads = ("source", "table_name", "received", "loaded", "duplicates", "quarantined", "suppressed")
    _print(console, "latest load of each table", found["loads"], loads)
    failed = ("severity", "table_name", "check_name", "measured", "threshold")
    _print(console, "quality checks that failed", found["quality_failures"], failed)
    if (tests := found["tests"]) and any(tests.values()):
        console.print(f"dbt tests: {tests['asked']} asked, {tests['carried_over']} carried over")
    console.print(_published_line(found["published"]), markup=False)


def _published_line(published: dict[str, Any] | None) -> str:
    if not published:
        return "nothing is published yet"
    tables, rows = published.get("tables"), published.get("rows")
    counts = f", {tables} tables, {rows:,} rows" if tables and rows is not None else ""
    return f"published: {published['file']}, {_age(published['age_seconds'])} old{counts}"


@contextmanager
def _ops(company: Company) -> Iterator[tuple[duckdb.DuckDBPyConnection | None, str, str | None]]:
    """Open the run record: the warehouse if it is free, else the published file."""
    if company.warehouse.exists():
        try:
            # A context manager may yield once, so the file is tried before it is handed out.
            with warehouse.connect(company, read_only=True):
                pass
        except BusyError:
            pass
        else:
            with warehouse.connect(company, read_only=True) as con:
                yield con, "ops", "warehouse"
            return
    if not company.published.exists():
        yield None, "ops", None
        return
    with duckdb.connect(str(company.published), read_only=True) as con:
        yield con, publish.schema_in(company.published, "ops"), "published file"


def _rows(
    con: duckdb.DuckDBPyConnection | None, ops: str, table: str, sql: str, values: list[Any]
) -> list[dict[str, Any]]:
    if con is None or not warehouse.has_table(con, ops, table):
        return []
    cursor = con.execute(sql.format(ops=ops), values)
    names = [column[0] for column in cursor.description or []]
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()
    ]


def _ended(company: Company, run: dict[str, Any]) -> dict[str, Any]:
    """Complete a run that the record still shows as running from its log."""
    path = company.dot / "logs" / f"run-{run['run_id']}.ndjson"
    if run["status"] != "running" or not path.exists():
        return run
    events = [_event(line) for line in path.read_text(encoding="utf-8").splitlines()]
    last = next((event for event in reversed(events) if event.get("event") == "run.finish"), None)
    if last is None:
        return run
    known = {name: last.get(name) for name in ("status", "exit_code", "error")}
    return run | known | {"finished_at": last.get("at")}


def _event(line: str) -> dict[str, Any]:
    # The last line of a killed process may be half a line.
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return found


def _published(company: Company, record: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not company.published.exists():
        return None
    stat = company.published.stat()
    age = datetime.now(UTC).timestamp() - stat.st_mtime
    found = {"file": str(company.published), "bytes": stat.st_size, "age_seconds": max(0, round(age))}
    return found | (record[0] if record else {})


def _plain(value: Any) -> Any:
    """Make a value of DuckDB fit for JSON."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat()
    return int(value) if isinstance(value, int) else value


def _print(console: Console, title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if not rows:
        return
    table = _table(title, columns)
    for row in rows:
        table.add_row(*[_text(row[column]) for column in columns])
    console.print(table)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "))
    return table


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _age(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds} s"
