"""SIGKILL at random moments of `cdp load` over files, a database and an API; the next load ends as an undisturbed one.

Compared is what raw holds: every physical row of complete loads, with its file, position and content. Each trial starts where
a first load ended and takes in a second delivery of everything: new and changed files, changed rows, a changed API.
"""

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from pipelines import readers
from tests.faults.forking import Trial, forking
from tests.integration.test_rest_source import CONTACTS, ORDERS, contact
from tests.rest_fake import TOKEN, Api, serve

KILLS = 60 if os.environ.get("CDP_PROOF") else 12
ROWS = 2_000
ENV = {"API_TOKEN": TOKEN}
Raw = dict[str, list[str]]


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """A process that forks trials."""
    with forking() as run:
        yield run


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """An API with pages enough to be killed in."""
    with serve() as found:
        found.page_size = 50
        yield found


def configure(folder: Path, url: str) -> None:
    """Files, a database and an API."""
    files = {
        "name": "files",
        "connector": "files",
        "tables": [
            {
                "name": "people",
                "entity": "contact",
                "path": "in/*.csv",
                "key": ["id"],
                "columns": {"email": "mail"},
            },
            {"name": "lines", "entity": "order_line", "path": "in/*.jsonl", "columns": {"order_id": "o"}},
        ],
    }
    database = {
        "name": "base",
        "connector": "sql",
        "url": "sqlite:///base.db",
        "tables": [
            {
                "name": "people",
                "entity": "contact",
                "key": ["id"],
                "deletions": "compare",
                "columns": {"email": "mail"},
            }
        ],
    }
    crm = {
        "name": "crm",
        "connector": "rest",
        "base_url": url,
        "auth": {"type": "bearer", "token": "${API_TOKEN}"},
    }
    config = {"sources": [files, database, {**crm, "tables": [CONTACTS, ORDERS]}], "identity": {"salt": "t"}}
    folder.mkdir(parents=True)
    (folder / "cdp.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "in").mkdir()


def deliver(folder: Path, number: int) -> None:
    """Files and database rows of the first or second delivery; the second changes half and deletes some."""
    first = number * ROWS // 2
    people = [(n, f"p{n}-{number}@example.com") for n in range(first, first + ROWS)]
    lines = ["id,mail", *(f"{key},{mail}" for key, mail in people)]
    (folder / "in" / f"people{number}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "in" / f"lines{number}.jsonl").write_text(
        "".join(f'{{"o": "o{n % 9}"}}\n' for n, _ in people), encoding="utf-8"
    )
    base = sqlite3.connect(folder / "base.db")
    with base:
        base.execute("create table if not exists people (id integer primary key, mail text)")
        base.execute("delete from people where id % 10 = ?", [number])
        base.executemany("insert or replace into people values (?, ?)", people)
    base.close()


def answer(api: Api, number: int) -> None:
    """What the API has at the first or second delivery."""
    first = number * 100
    api.contacts = [
        contact(n, f"2026-03-0{number + 1}T10:00:00Z", f"n{number}") for n in range(first, first + 200)
    ]
    api.orders = [{"id": f"o{n}", "at": "2026-03-01T10:00:00Z", "total": n + number} for n in range(20)]


def raw_rows(folder: Path) -> Raw:
    """Every physical row of complete loads, per table, without what a load calls itself."""
    found: Raw = {}
    with duckdb.connect(str(folder / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        names = con.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where starts_with(schema_name, 'raw_') and not starts_with(table_name, '_dlt_')"
        ).fetchall()
        for schema, table in names:
            physical = ", ".join(
                [
                    "_dlt_load_id",
                    *(["table_name", "file"] if table == "_cdp_files" else ["_cdp_file", "_cdp_position"]),
                ]
            )
            volatile = "_dlt_load_id, run_id, mtime_ns, size" if table == "_cdp_files" else "_dlt_load_id"
            rows = con.execute(
                f"select * exclude ({volatile}) from {schema}.{readers.quote(table)}"
                f" where _dlt_load_id in (select load_id from {schema}._dlt_loads where status = 0)"
                f" qualify row_number() over (partition by {physical}) = 1 order by all"
            ).fetchall()
            found[f"{schema}.{table}"] = [str(row) for row in rows]
    return found


@pytest.mark.timeout(3600)
def test_kills_while_loading_lose_and_double_nothing(tmp_path: Path, trial: Trial, api: Api) -> None:
    """Files, database and API: whatever moment, the next load makes raw what it would have been."""
    start = tmp_path / "start"
    configure(start, api.url)
    deliver(start, 0)
    answer(api, 0)
    assert trial(start, ENV, command="load")["code"] == 0, (tmp_path / "start.log").read_text()
    deliver(start, 1)
    answer(api, 1)
    calm = shutil.copytree(start, tmp_path / "calm")
    clock = time.monotonic()
    assert trial(calm, ENV, command="load")["code"] == 0, (tmp_path / "calm.log").read_text()
    seconds = time.monotonic() - clock
    wanted = raw_rows(calm)
    assert {name: len(rows) for name, rows in wanted.items()} == counted()
    rng = random.Random(20260715)
    for number in range(KILLS):
        for attempt in range(6):
            company = shutil.copytree(start, tmp_path / f"kill-{number}-{attempt}")
            moment = seconds * (number + rng.random()) / KILLS
            clock = time.monotonic()
            died: dict[str, Any] = trial(company, ENV, kill_after=moment, command="load")
            if died["signal"] == signal.SIGKILL:
                break
            seconds = min(seconds, time.monotonic() - clock)
            assert raw_rows(company) == wanted
            shutil.rmtree(company)
        else:
            pytest.fail(f"six loads ended before they could be killed at {moment:.2f} s")
        healed = trial(company, ENV, command="load")
        assert healed["code"] == 0, (tmp_path / f"{company.name}.log").read_text()[-2000:]
        assert raw_rows(company) == wanted, f"killed after {moment:.2f} s"
        shutil.rmtree(company)


def counted() -> dict[str, int]:
    """Rows raw must hold after both deliveries, counted from what was delivered.

    Of the database: all of the first, the second's (new keys, and old keys whose mail changed), and those deleted that the second
    did not put back.
    """
    gone = sum(1 for n in range(ROWS // 2) if n % 10 == 1)
    return {
        "raw_files.people": 2 * ROWS,
        "raw_files.lines": 2 * ROWS,
        "raw_files._cdp_files": 4,
        "raw_base.people": 2 * ROWS + gone,
        "raw_base._cdp_files": 2,
        "raw_crm.contacts": 200 + 200,
        "raw_crm.orders": 20 + 20,
        "raw_crm._cdp_files": 4,
    }
