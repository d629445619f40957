"""Compaction: the private warehouse rewritten into a fresh file when too much of it is empty.

Data flow: warehouse  ->  .<name>.compact-<run_id> beside it (COPY FROM DATABASE)  ->  os.replace

DuckDB reuses freed blocks and hardly ever gives them back, so a file only grows. The copy is read back and compared with what it
was made of, row hashes of every table, before it takes the place. Both files are attached by one connection until then: its
lock keeps every other process out, so nothing can be written to the old file that the new one lacks. Killed before the swap
the old file stands, after it the new one.

When: free blocks or growth. Neither half-empty blocks nor rows that were replaced count as free, so growth beyond the size after
the last rewrite, or after the first run that needed none, counts as well; that is a rewrite for each such growth, whose cost per
byte written is constant however large the file becomes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cli import files, runs, verify, warehouse
from cli.config import Company
from cli.warehouse import quoted_text
from pipelines.errors import CdpError
from pipelines.failpoints import reach

DDL = """
create table if not exists ops.compactions (
    run_id varchar, compacted_at timestamp, bytes_before bigint, bytes_after bigint, seconds double
)
"""


@dataclass(frozen=True)
class Size:
    """The file: its bytes, the share of it in free blocks, its bytes when it was last known to be full of rows (None: never)."""

    size: int
    free: float
    full: int | None


@dataclass(frozen=True)
class Compacted:
    """A finished rewrite."""

    before: int
    after: int


def is_due(company: Company, size: Size) -> str | None:
    """Why the file should be rewritten now; None when it should not."""
    settings = company.file.warehouse
    if size.size < settings.compact_bytes:
        return None
    if size.free > settings.compact_above:
        return f"{size.free:.0%} of it is free"
    limit = 1 + settings.compact_above
    if size.full and size.size > limit * size.full:
        return f"it is {size.size / size.full:.2f} times its size when it was last known to be full"
    return None


def measure(company: Company) -> Size:
    """How full the file is."""
    with warehouse.connect(company) as con:
        con.execute("checkpoint")
        row = con.execute(
            "select total_blocks, free_blocks from pragma_database_size() where database_name = current_database()"
        ).fetchone()
        last = None
        if warehouse.has_table(con, "ops", "compactions"):
            last = con.execute("select arg_max(bytes_after, compacted_at) from ops.compactions").fetchone()
    total, free = (int(row[0]), int(row[1])) if row else (0, 0)
    return Size(company.warehouse.stat().st_size, free / total if total else 0.0, last[0] if last else None)


def remember(company: Company, run_id: str, size: Size) -> None:
    """Note the size of a file that needs no rewrite and never had one: what it grows beyond."""
    if size.full is None:
        _note(company, run_id, datetime.now(UTC), size.size, size.size)


def _note(company: Company, run_id: str, started: datetime, before: int, after: int) -> None:
    with warehouse.connect(company) as con:
        runs.ensure(con)
        con.execute(DDL)
        seconds = (datetime.now(UTC) - started).total_seconds()
        con.execute(
            "insert into ops.compactions values (?, ?, ?, ?, ?)",
            [run_id, runs.utc(started), before, after, seconds],
        )


def need_room(company: Company) -> None:
    """Raises CdpError when the disk has no room for a second copy."""
    size = company.warehouse.stat().st_size
    files.need(company.warehouse.parent, round(size * 1.05), "rewriting the warehouse")


def compact(company: Company, run_id: str) -> Compacted:
    """Rewrite the file. Raises CdpError, the file untouched, when the disk is full or the copy differs."""
    path = company.warehouse
    started = datetime.now(UTC)
    before = path.stat().st_size
    remove_stale(path)
    fresh = path.with_name(f".{path.name}.compact-{run_id}")
    need_room(company)
    try:
        copy(company, fresh, replace=True)
    except (duckdb.Error, OSError) as error:
        raise warehouse.translate(error, fresh) from error
    finally:
        remove_stale(path)
    reach("compact.swapped")
    after = path.stat().st_size
    _note(company, run_id, started, before, after)
    return Compacted(before, after)


def copy(company: Company, fresh: Path, *, replace: bool = False) -> None:
    """Write a verified, durable copy of the warehouse; with `replace` in its place, before anybody else may write."""
    path = company.warehouse
    temp = warehouse.temp_of(company)
    with duckdb.connect(":memory:") as con:
        warehouse.configure(con, company, temp)
        con.execute("set preserve_insertion_order = true")
        # Views name the catalog, so it must be called what it is called when the file is opened by itself.
        source = quoted_text(str(path))
        name = path.stem
        con.execute(f"attach {source} as {warehouse.quoted(name)}")
        con.execute(f"checkpoint {warehouse.quoted(name)}")
        con.execute(
            f"attach {quoted_text(str(fresh))} as fresh (storage_version '{warehouse.STORAGE_VERSION}')"
        )
        con.execute(f"copy from database {warehouse.quoted(name)} to fresh")
        con.execute("detach fresh")
        con.execute(f"attach {quoted_text(str(fresh))} as fresh (read_only)")
        _compare(con, name)
        con.execute("detach fresh")
        fresh.chmod(0o600)
        files.sync(fresh)
        reach("compact.copied")
        if replace:
            if warehouse.wal_of(path).exists() and warehouse.wal_of(path).stat().st_size:
                raise CdpError(
                    f"{path.name} was written while it was copied", hint="run `cdp run` again, alone"
                )
            files.swap(fresh, path)


def remove_stale(path: Path) -> None:
    """Delete what dead rewrites left."""
    for stale in path.parent.glob(f".{path.name}.compact-*"):
        stale.unlink(missing_ok=True)


def _compare(con: duckdb.DuckDBPyConnection, name: str) -> None:
    differing = verify.differences(verify.scan(con, warehouse.quoted(name)), verify.scan(con, "fresh"))
    differing += [] if _shape(con, name) == _shape(con, "fresh") else ["views, columns or constraints"]
    if differing:
        raise CdpError(
            f"the copy of the warehouse differs in {', '.join(differing[:5])}; the file is as it was",
            hint="run `cdp verify`",
        )


def _shape(con: duckdb.DuckDBPyConnection, name: str) -> list[list[tuple[object, ...]]]:
    """Columns, constraints, views, indexes and macros of a database."""
    queries = (
        "select schema_name, table_name, column_name, data_type, column_default, is_nullable from duckdb_columns()"
        " where database_name = ? and not internal order by all",
        "select schema_name, table_name, constraint_text from duckdb_constraints() where database_name = ? order by all",
        "select schema_name, view_name from duckdb_views() where database_name = ? and not internal order by all",
        "select schema_name, index_name from duckdb_indexes() where database_name = ? order by all",
        "select schema_name, sequence_name from duckdb_sequences() where database_name = ? order by all",
        "select schema_name, function_name from duckdb_functions() where database_name = ? and not internal order by all",
    )
    return [con.execute(query, [name]).fetchall() for query in queries]
