"""A database in memory beside the warehouse: everything in between lives there and is gone afterwards.

Comparable names and addresses are personal data; in memory they need no erasing and a kill leaves nothing
behind. What does not fit goes to DuckDB's own temporary folder, bounded by `temp_limit`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

DATABASE = "cdp_fuzzy"
SCHEMA = f"{DATABASE}.main"


@contextmanager
def scratch(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Attach the memory database for the time of one call; a nested call shares the outer one."""
    held = con.execute(
        "select count(*) from duckdb_databases() where database_name = ?", [DATABASE]
    ).fetchone()
    if held and held[0]:
        yield
        return
    con.execute(f"attach ':memory:' as {DATABASE}")
    try:
        yield
    finally:
        con.execute(f"detach {DATABASE}")


@contextmanager
def inside(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Make the memory database the default, so that what Splink creates is created there."""
    row = con.execute("select current_database(), current_schema()").fetchone()
    assert row is not None
    con.execute(f"use {SCHEMA}")
    try:
        yield
    finally:
        con.execute(f'use "{row[0]}"."{row[1]}"')
