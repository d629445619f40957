"""Read everything: every row of every table, so that every block in use is checked against its checksum.

DuckDB checks a block when it is read and not before: a file that opens may be damaged. Rows are hashed, which reads all
columns and keeps nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cli import warehouse
from cli.config import Company
from cli.warehouse import quoted, quoted_text


@dataclass(frozen=True)
class Table:
    """What was read of a table: its rows and the sum of their hashes, which does not depend on their order."""

    rows: int
    hashed: int


def check(company: Company) -> dict[str, list[str]]:
    """Every database of a company: file -> what is wrong with it. Raises BusyError while a run holds the warehouse."""
    from cli import previous, publish

    files = [company.warehouse] if company.warehouse.exists() else []
    if files:
        with warehouse.connect(company, read_only=True):
            pass
    for target in publish.targets(company):
        files += [one for one in (target.file, *previous.versions(company, target.file)) if one.exists()]
    return {
        str(file.relative_to(company.root) if file.is_relative_to(company.root) else file): damage(file)
        for file in files
    }


def damage(path: Path) -> list[str]:
    """What is wrong with a database file; empty when every table can be read."""
    try:
        with duckdb.connect(":memory:") as con:
            con.execute(f"attach {quoted_text(str(path))} as scanned (read_only)")
            return [told for name in tables(con, "scanned") for told in _damage_of(con, name)]
    except duckdb.Error as error:
        return [str(warehouse.translate(error, path))]


def scan(con: duckdb.DuckDBPyConnection, catalog: str) -> dict[tuple[str, str], Table]:
    """Read every table of an attached database. Raises duckdb.Error at the first damaged block."""
    return {name: _read(con, catalog, name) for name in tables(con, catalog)}


def tables(con: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, str]]:
    """(schema, table) of an attached database; views hold nothing."""
    found = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? order by all",
        [catalog.strip('"')],
    )
    return [(str(schema), str(table)) for schema, table in found.fetchall()]


def _read(con: duckdb.DuckDBPyConnection, catalog: str, name: tuple[str, str]) -> Table:
    place = f"{catalog}.{quoted(name[0])}.{quoted(name[1])}"
    row = con.execute(
        f"select count(*), coalesce(sum(hash(whole__row)::hugeint), 0) from {place} as whole__row"
    ).fetchone()
    return Table(int(row[0]), int(row[1])) if row else Table(0, 0)


def _damage_of(con: duckdb.DuckDBPyConnection, name: tuple[str, str]) -> list[str]:
    try:
        _read(con, "scanned", name)
    except duckdb.Error as error:
        # The first line says which block; a value is never part of it.
        return [f"{name[0]}.{name[1]}: {type(error).__name__}: {_reason(error)}"]
    return []


def _reason(error: duckdb.Error) -> str:
    text = str(error).split("\n")[0]
    return text if isinstance(error, duckdb.IOException) else "a block does not match its checksum"


def differences(left: Mapping[tuple[str, str], Table], right: Mapping[tuple[str, str], Table]) -> list[str]:
    """Tables that differ between two scans."""
    return [f"{name[0]}.{name[1]}" for name in sorted({*left, *right}) if left.get(name) != right.get(name)]
