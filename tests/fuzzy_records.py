"""Records for the tests of fuzzy links, trained once per process."""

import functools
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.corruption import COLUMNS, people_records
from cli.fuzzy import Model, train
from cli.fuzzy.comparisons import BY_NAME, graded
from cli.fuzzy.prepare import PREPARED, prepare
from cli.fuzzy.scratch import scratch

AS_OF = "2026-01-01T00:00:00Z"
FIXTURES = Path(__file__).parent / "fixtures"


def table(rows: list[dict[str, Any]], name: str = "records") -> duckdb.DuckDBPyConnection:
    """A connection with these rows as a table; what a row does not name is null."""
    con = duckdb.connect()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    arrow = pa.table({column: pa.array([row.get(column) for row in rows], pa.string()) for column in columns})
    con.register("arrow", arrow)
    con.execute(f"create table {name} as select * from arrow")
    con.unregister("arrow")
    return con


@functools.cache
def simulated(
    severity: str = "medium", people: int = 160, seed: int = 3
) -> tuple[tuple[tuple[str | None, ...], ...], dict[str, str]]:
    """Rows in the order of `COLUMNS`, and who each record is."""
    rows, truth = people_records(severity, people, seed)
    return tuple(tuple(row[column] for column in COLUMNS) for row in rows), truth


def company() -> tuple[duckdb.DuckDBPyConnection, dict[str, str]]:
    """A connection with the simulated records."""
    rows, truth = simulated()
    return table([dict(zip(COLUMNS, row, strict=True)) for row in rows]), truth


@functools.cache
def trained() -> Model:
    """The model of the simulated records."""
    con, _ = company()
    return train(con, "records", as_of=AS_OF)


def grade(comparison: str, one: dict[str, Any], other: dict[str, Any]) -> str:
    """The label under which two records fall in a comparison; `silent` when it says nothing."""
    both = dict.fromkeys((*one, *other))
    con = table([both | {"record_id": "1"} | one, both | {"record_id": "2"} | other])
    definition = BY_NAME[comparison]
    with scratch(con):
        prepare(con, "records")
        sides = ", ".join(f"a.{c} as {c}_l, b.{c} as {c}_r" for c in definition.columns)
        row = con.execute(f"""
            select {graded(definition)} from
            (select {sides} from {PREPARED} as a inner join {PREPARED} as b on a.row_id < b.row_id)
        """).fetchone()
    assert row is not None
    return "silent" if row[0] < 0 else definition.levels[::-1][row[0]].label
