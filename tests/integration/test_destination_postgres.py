"""A PostgreSQL table, on a real server: types, modes, transactions, and rows that the table refuses."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import duckdb
import psycopg
import pytest

from pipelines.exports import DestinationSpec
from pipelines.exports.destinations import check_options, open_rows
from pipelines.exports.destinations.base import Operation, Result
from tests.dying import dying_at
from tests.exports_fake import HOOK_SYNC, add_people, create_tables, run, say

COLUMNS = {
    "name": "text",
    "revenue": "numeric(18,2)",
    "since": "timestamp with time zone",
    "tags": "text[]",
    "n": "int",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of this test run."""
    from pgserver import get_server  # type: ignore[attr-defined]

    one = get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield one.get_uri()
    one.cleanup()


@pytest.fixture
def db(server: str) -> Iterator[psycopg.Connection[Any]]:
    """The database, empty."""
    with psycopg.connect(server, autocommit=True) as con:
        con.execute('drop schema if exists "crm x" cascade; create schema "crm x"')
        yield con


def upsert(key: str, mode: str = "upsert", fill_empty: tuple[str, ...] = (), **row: Any) -> Operation:
    """A row to write."""
    return Operation(key, key, "upsert", f"idem-{key}", json.dumps(row), mode, fill_empty)


def send(server: str, *operations: Operation, **options: Any) -> tuple[list[Result], str | None]:
    """Send to the table; results in order, and why it stopped."""
    given = {
        "url": server,
        "table": "crm x.people",
        "key": "Id",
        "columns": COLUMNS,
        "retry_seconds": 0,
        **options,
    }
    destination = open_rows("postgres", given, "sync_a")
    assert destination is not None
    results = {one.key: one for one in destination.send(operations)}
    destination.close()
    return [results[op.key] for op in operations], destination.stopped


def rows(db: psycopg.Connection[Any], columns: str = '"Id", name') -> list[tuple[Any, ...]]:
    """The table."""
    return db.execute(f'select {columns} from "crm x".people order by 1').fetchall()


def test_values_arrive_in_the_types_of_the_table(server: str, db: psycopg.Connection[Any]) -> None:
    """Decimals to the last digit, times with their zone, lists as arrays, quotes and nulls as they are."""
    payload = (
        '{"name": "O\'Brien \\"x\\"; drop table people --", "revenue": 1234567890123456.78,'
        ' "since": "2026-07-01 12:00:00+07:00", "tags": ["a", "b,c"], "n": null}'
    )
    results, _ = send(server, Operation("k'1", "k'1", "upsert", "i", payload))

    assert results[0].ok
    ((key, name, revenue, since, tags, n),) = rows(db, '"Id", name, revenue, since, tags, n')
    assert (key, name) == ("k'1", 'O\'Brien "x"; drop table people --')
    assert (revenue, tags, n) == (Decimal("1234567890123456.78"), ["a", "b,c"], None)
    assert since.timestamp() == 1782882000


def test_modes(server: str, db: psycopg.Connection[Any]) -> None:
    """Upsert writes both, update-only creates nobody, create-only overwrites nobody; what was left alone says so."""
    send(server, upsert("k1", name="One"), upsert("k2", name="Two"))
    send(server, upsert("k1", name="1"))
    updated, _ = send(server, upsert("k2", "update_only", name="2"), upsert("k3", "update_only", name="3"))
    created, _ = send(server, upsert("k2", "create_only", name="No"), upsert("k4", "create_only", name="4"))
    removed, _ = send(
        server, Operation("k1", "k1", "remove", "i", None), Operation("k9", "k9", "remove", "i", None)
    )

    assert rows(db) == [("k2", "2"), ("k4", "4")]
    assert [one.is_skipped for one in updated + created] == [False, True, True, False]
    assert [one.ok for one in removed] == [True, True]


def test_what_a_human_typed_stays(server: str, db: psycopg.Connection[Any]) -> None:
    """A blank is nothing; other columns are written all the same."""
    send(server, upsert("k1", name="Typed", n=1), upsert("k2", name=" ", n=1), upsert("k3", name=None, n=1))
    send(server, *[upsert(key, fill_empty=("name",), name="Ours", n=2) for key in ("k1", "k2", "k3", "k4")])

    assert rows(db, '"Id", name, n') == [
        ("k1", "Typed", 2),
        ("k2", "Ours", 2),
        ("k3", "Ours", 2),
        ("k4", "Ours", 2),
    ]


def test_an_event_is_there_once(server: str, db: psycopg.Connection[Any]) -> None:
    """The idempotency key is unique; the same batch again adds nothing."""
    events = [upsert("k1", "append", name="a"), upsert("k2", "append", name="b")]
    send(server, *events)
    send(server, *events, events[0]._replace(idempotency_key="another"))

    assert rows(db) == [("k1", "a"), ("k1", "a"), ("k2", "b")]


def test_a_bad_row_rolls_the_batch_back(server: str, db: psycopg.Connection[Any]) -> None:
    """All or nothing; the reason names the kind of fault and not the value."""
    send(server, upsert("k0", name="Zero"))
    results, stopped = send(
        server, Operation("k0", "k0", "remove", "i", None), upsert("k1", n=1), upsert("k2", n="Jane Roe")
    )
    single, _ = send(server, upsert("k2", n="Jane Roe"))

    assert rows(db) == [("k0", "Zero")]
    assert {(one.ok, one.is_whole) for one in results} == {(False, True)}
    assert (single[0].ok, single[0].final, single[0].is_whole, stopped) == (False, True, False, None)
    assert "22P02 invalid input syntax for type integer" in str(single[0].reason)
    assert "Jane" not in str(single[0].reason)


@pytest.mark.parametrize(
    ("setup", "row", "words"),
    [
        ("select 1", {"name": "x"}, 'relation "crm x.people" does not exist'),
        (
            'create table "crm x".people ("Id" text primary key)',
            {"nick": "x"},
            '"nick" of relation "people" does not exist',
        ),
        (
            'create table "crm x".people ("Id" text, name text)',
            {"name": "x"},
            "no unique or exclusion constraint",
        ),
    ],
)
def test_a_table_that_does_not_fit_stops_the_sync(
    server: str, db: psycopg.Connection[Any], setup: str, row: dict[str, Any], words: str
) -> None:
    """It is no row's fault, and no halving would help."""
    db.execute(setup)
    results, stopped = send(server, upsert("k1", **row), upsert("k2", **row), columns={})

    assert words in str(stopped)
    assert not any(one.ok or one.is_whole for one in results)


def test_a_server_out_of_reach_leaves_rows_pending(server: str) -> None:
    """Nothing of the address is repeated; a row that waits for a lock is not refused either."""
    results, stopped = send("postgresql://cdp:s3cr3t@127.0.0.1:9/db", upsert("k1", name="x"))
    with psycopg.connect(server) as other:
        other.execute('drop schema if exists "crm x" cascade; create schema "crm x"')
        other.execute('create table "crm x".people ("Id" text primary key, name text)')
        other.commit()
        other.execute('lock table "crm x".people')
        waiting, _ = send(server, upsert("k1", name="x"), columns={}, timeout_seconds=0.2)

    assert (results[0].ok, results[0].final, waiting[0].ok, waiting[0].final) == (False, False, False, False)
    assert "OperationalError" in str(stopped)
    assert "s3cr3t" not in f"{results}{stopped}"


@pytest.mark.parametrize("point", ["export.pending", "export.sent"])
def test_a_sync_survives_a_kill_and_mirrors_its_model(
    server: str, db: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Whatever was committed when the process died, the table ends as the model, without who withdrew."""
    options = {
        "url": server,
        "table": "crm x.people",
        "key": "Id",
        "columns": {"email": "text", "revenue": "numeric"},
    }
    destinations = {"db": DestinationSpec("db", "postgres", options)}
    sync = replace(HOOK_SYNC, name="sync_db_people", destination="db", columns=("email", "revenue"))
    with duckdb.connect() as con:
        create_tables(con)
        add_people(con, 0, 12)
        with dying_at(monkeypatch, point):
            run(con, destinations, sync)
        say(con, "c00003", "withdrawn")
        result = run(con, destinations, sync, run_id="r2")

    assert result.exit_code == 0
    expected = [(f"c{n:05d}", f"p{n}@example.com", Decimal(str(n * 1.25))) for n in range(12) if n != 3]
    assert rows(db, '"Id", email, revenue') == expected


def test_options_are_checked() -> None:
    """A type is no place for a statement."""
    good = {"url": "${DB_URL}", "table": "people", "key": "id"}
    assert check_options("postgres", good) == []
    for wrong in (
        {"url": "mysql://x"},
        {"table": 'a"; drop'},
        {"columns": {"a": "text); drop table x"}},
        {"key": ""},
    ):
        assert check_options("postgres", {**good, **wrong})
