"""Which tests are believed: only those that passed, since when nothing they read was written."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace as Of
from typing import Any

import duckdb
import pytest

from cli import tested

AT = datetime(2026, 6, 30)


def node(kind: str, *parents: str) -> Any:
    """A node of a manifest, as far as it is asked."""
    return Of(config=Of(materialized=kind), depends_on_nodes=list(parents))


def source(schema: str, name: str) -> Any:
    return Of(schema=schema, identifier=name)


MANIFEST: Any = Of(
    nodes={
        "table": node("table", "raw"),
        "other": node("incremental", "table"),
        "view": node("view", "table", "ledger"),
        "above": node("ephemeral", "view"),
        "of_runs": node("view", "runs"),
        "test_table": node("test", "table"),
        "test_other": node("test", "other"),
        "test_above": node("test", "above"),
        "test_both": node("test", "other", "table"),
        "test_runs": node("test", "of_runs"),
        "test_raw": node("test", "raw"),
    },
    sources={
        "raw": source("raw_crm", "contacts"),
        "ledger": source("exports", "ledger"),
        "runs": source("ops", "runs"),
    },
)
TESTS = [name for name in MANIFEST.nodes if name.startswith("test_")]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in which every test has passed."""
    with duckdb.connect() as opened:
        opened.execute("create schema ops")
        tested.ensure(opened)
        tested.remember(opened, MANIFEST, dict.fromkeys(TESTS, True), AT)
        yield opened


def test_what_reads_unwatched_tables_is_asked_in_every_run(con: duckdb.DuckDBPyConnection) -> None:
    """Raw rows and the record of runs, also behind a view, change without a build."""
    assert tested.passed(con) == dict.fromkeys(["test_table", "test_other", "test_above", "test_both"], AT)


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("table", {"test_other"}),
        ("other", {"test_table", "test_above"}),
        ("view", {"test_table", "test_other", "test_both"}),
        ("ledger", {"test_table", "test_other", "test_both"}),
        ("nobody's", {"test_table", "test_other", "test_above", "test_both"}),
    ],
)
def test_a_written_relation_costs_its_readers_their_answer(
    con: duckdb.DuckDBPyConnection, written: str, left: set[str]
) -> None:
    """Views are looked through; a table in between is not: it is written itself when its parents are news to it."""
    tested.forget(con, MANIFEST, {written})

    assert set(tested.passed(con)) == left


def test_a_full_build_believes_nothing(con: duckdb.DuckDBPyConnection) -> None:
    tested.forget(con)

    assert tested.passed(con) == {}


def test_a_test_that_did_not_pass_is_asked_again(con: duckdb.DuckDBPyConnection) -> None:
    """Also one that had passed before."""
    tested.remember(con, MANIFEST, {"test_table": False, "test_other": True}, AT)

    assert "test_table" not in tested.passed(con)
    assert "test_other" in tested.passed(con)


def test_a_test_that_is_gone_is_forgotten(con: duckdb.DuckDBPyConnection) -> None:
    nodes = {name: one for name, one in MANIFEST.nodes.items() if name != "test_other"}
    tested.forget(con, Of(nodes=nodes, sources=MANIFEST.sources), {"nobody's"})

    assert "test_other" not in tested.passed(con)


def test_another_definition_is_another_test(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SQL of the tests lies outside of what makes a build a full one."""
    (tmp_path / "tests" / "dbt").mkdir(parents=True)
    (tmp_path / "tests" / "dbt" / "one.sql").write_text("select 1")
    monkeypatch.setattr(tested, "PROJECT", tmp_path)

    assert tested.passed(con) == {}
