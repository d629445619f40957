"""The run record: `ops.runs`, `ops.run_steps` and an NDJSON log, with one run id through all of it.

Data flow: RunLog  ->  ops.* in the warehouse (short connections)  and  .cdp/logs/run-<run_id>.ndjson

This is the only place that reads the wall clock; `as_of`, which the marts know, is handed in. Steps are kept
in memory until the warehouse can be opened, because dlt and dbt hold the file in between. A run that was
killed stays `running` until the next one begins and closes it as `died`.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb

from cli import warehouse
from cli.config import Company
from pipelines.errors import CdpError

RunStatus = Literal["running", "succeeded", "failed", "blocked", "partial", "died"]

DDL = """
create schema if not exists ops;
create table if not exists ops.runs (
    run_id varchar, command varchar, started_at timestamp, finished_at timestamp, status varchar,
    exit_code integer, as_of timestamp, summary varchar, error varchar
);
create table if not exists ops.run_steps (
    run_id varchar, step varchar, started_at timestamp, seconds double, rows bigint, status varchar
);
create table if not exists ops.published (
    file varchar, run_id varchar, published_at timestamp, table_name varchar, row_count bigint
);
create table if not exists ops.freshness (file varchar, source varchar, fresh_until timestamp);
alter table ops.freshness add column if not exists delivered_at timestamp;
alter table ops.freshness add column if not exists promised_minutes bigint;
create table if not exists ops.quality_results (
    run_id varchar, check_name varchar, table_name varchar, severity varchar, passed boolean,
    measured double, threshold varchar, checked_at timestamp
);
create table if not exists ops.alerts (
    run_id varchar, alerted_at timestamp, channel varchar, changes varchar, sent boolean, error varchar
);
create table if not exists ops.built_loads (source varchar, load_id varchar, load_seq bigint, run_id varchar);
create table if not exists ops.clock (as_of timestamp, run_id varchar);
"""


def ensure(con: duckdb.DuckDBPyConnection) -> None:
    """Create the `ops` tables that are missing."""
    con.execute(DDL)


def new_run_id(now: datetime | None = None) -> str:
    """An id that sorts by start: `20260630T120000Z-1a2b3c`."""
    moment = now or datetime.now(UTC)
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def set_clock(con: duckdb.DuckDBPyConnection, as_of: datetime, run_id: str) -> None:
    """Set the one row the models read instead of the wall clock."""
    con.execute("begin; delete from ops.clock")
    con.execute("insert into ops.clock values (?, ?)", [utc(as_of), run_id])
    con.execute("commit")


def utc(moment: datetime) -> datetime:
    """An instant as DuckDB's plain `timestamp`, which means UTC everywhere here."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


@dataclass
class Step:
    """One step of a run; the code inside it may set `rows`."""

    name: str
    started_at: datetime
    seconds: float = 0.0
    rows: int | None = None
    status: str = "running"


@dataclass
class RunLog:
    """What a run did, written so that it can be read after the run died."""

    company: Company
    command: str
    run_id: str
    as_of: datetime
    started_at: datetime
    steps: list[Step] = field(default_factory=list)
    _unwritten: list[Step] = field(default_factory=list)

    @classmethod
    def begin(cls, company: Company, command: str, as_of: datetime, run_id: str | None = None) -> "RunLog":
        """Open a run; runs still `running` are dead, since the caller holds the run lock."""
        started = datetime.now(UTC)
        run = cls(company, command, run_id or new_run_id(started), as_of, started)
        warehouse.clean_temp(company)
        warehouse.clean_rewrites(company)
        with warehouse.connect(company) as con:
            ensure(con)
            died = con.execute(
                "update ops.runs set status = 'died', finished_at = ? where status = 'running'"
                " returning run_id",
                [utc(started)],
            ).fetchall()
            con.execute(
                "insert into ops.runs (run_id, command, started_at, status, as_of)"
                " values (?, ?, ?, 'running', ?)",
                [run.run_id, command, utc(started), utc(as_of)],
            )
        run.log(
            "run.begin", command=command, as_of=as_of.isoformat(), closed_as_died=[row[0] for row in died]
        )
        return run

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step; an error inside marks it failed and passes on."""
        step = Step(name, datetime.now(UTC))
        self.log("step.begin", step=name)
        clock = time.perf_counter()
        try:
            yield step
            step.status = "succeeded" if step.status == "running" else step.status
        except BaseException:
            step.status = "failed"
            raise
        finally:
            step.seconds = round(time.perf_counter() - clock, 3)
            self.steps.append(step)
            self._unwritten.append(step)
            self.log("step.end", step=name, seconds=step.seconds, rows=step.rows, status=step.status)
            self._write_early()

    def finish(
        self,
        status: RunStatus,
        exit_code: int,
        summary: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Close the run. `error` and `summary` must hold no personal data: they are published."""
        with warehouse.connect(self.company) as con:
            self._write_steps(con)
            con.execute(
                "update ops.runs set finished_at = ?, status = ?, exit_code = ?, summary = ?, error = ?"
                " where run_id = ?",
                [utc(datetime.now(UTC)), status, exit_code, _json(summary or {}), error, self.run_id],
            )
        self.log("run.finish", status=status, exit_code=exit_code, summary=summary or {}, error=error)

    def log(self, event: str, **fields: Any) -> None:
        """Append one line to the run's log; a full disk must not hide the error being reported."""
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run_id": self.run_id,
            "event": event,
        }
        try:
            folder = self.company.dot / "logs"
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / f"run-{self.run_id}.ndjson"
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, (_json(line | fields) + "\n").encode())
            finally:
                os.close(handle)
        except OSError:
            return

    def _write_early(self) -> None:
        # So that a later kill leaves the finished steps. The file may be held just now: `finish` writes all.
        try:
            with warehouse.connect(self.company) as con:
                self._write_steps(con)
        except (CdpError, duckdb.Error):
            return

    def _write_steps(self, con: duckdb.DuckDBPyConnection) -> None:
        rows = [
            [self.run_id, step.name, utc(step.started_at), step.seconds, step.rows, step.status]
            for step in self._unwritten
        ]
        if rows:
            con.execute(
                f"insert into ops.run_steps values {', '.join(['(?, ?, ?, ?, ?, ?)'] * len(rows))}",
                [value for row in rows for value in row],
            )
        self._unwritten.clear()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
