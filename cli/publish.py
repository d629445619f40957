"""Publish: schemas marts, ops and exports of the warehouse -> a fresh file -> in place of the published one.

Data flow: warehouse  ->  .<name>.tmp-<run_id> beside the published file  ->  os.replace

Readers keep the file they have open (the old inode) and see the new one when they connect again: nobody
waits. Views become tables, as a published view would need the staging schemas. The copy has an old storage
version, so that BI drivers of DuckDB 1.1 open it. Until the swap a failure costs only the new file.
The caller holds the run lock, so every temporary file found is of a publish that died.

Who opens `marts.duckdb` and selects from `marts.customer_360` must get it. DuckDB names the catalog after the
file, and refuses `marts.customer_360` as ambiguous when a catalog and a schema have that name; so there the
tables of marts go to the default schema and the name reads catalog.table (`schema_in`).
"""

import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cli import runs, warehouse
from cli.config import Company
from cli.gate import refuse_unvalidated
from cli.warehouse import quoted, quoted_text
from pipelines.errors import CdpError
from pipelines.failpoints import reach

# The oldest format DuckDB writes: opened by 1.1.3 (tests/integration/test_publish_readers.py).
STORAGE_VERSION = "v1.0.0"
SCHEMAS = ("marts", "ops", "exports")
# The rest of `ops` is how the warehouse works (the salt of ids among it) and nobody else's business.
OPS_TABLES = frozenset({"runs", "run_steps", "published", "freshness", "load_counts", "quality_results"})
# What a destination knows or was sent is nobody else's to read.
PRIVATE_COLUMNS = re.compile(
    r"destination_key|payload|request_body|response_body|members|value_hash|contact_point_hash", re.IGNORECASE
)
# Readable by the group, so that a BI server's user can be added to it; a mode set by hand is kept.
DEFAULT_MODE = 0o640


@dataclass(frozen=True)
class Published:
    """A finished publish."""

    file: Path
    run_id: str
    published_at: datetime
    tables: dict[str, int]
    size: int
    seconds: float

    @property
    def rows(self) -> int:
        """Rows over all tables."""
        return sum(self.tables.values())


def publish(company: Company, run_id: str) -> Published:
    """Write, check and swap in a new published file.

    Raises CdpError (previous file intact) when there are no marts, the copy is incomplete or the disk full;
    BlockedError when the newest quality results hold a critical failure.
    """
    started = time.perf_counter()
    # Behind a symlink the file itself is swapped, not the link.
    target = Path(os.path.realpath(company.published))
    fresh = target.with_name(f".{target.name}.tmp-{run_id}")
    published_at = datetime.now(UTC)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(target)
        with warehouse.connect(company) as con:
            runs.ensure(con)
            refuse_unvalidated(con, "published")
            tables = _copy(con, fresh, target, run_id, published_at)
            _check(fresh, target, tables)
            _sync(fresh, _mode(target))
            reach("publish.copied")
            _swap(fresh, target)
            reach("publish.swapped")
            _record(con, "ops", target.name, run_id, published_at, tables)
    except OSError as error:
        raise warehouse.translate(error, target) from error
    finally:
        remove_stale(target)
    size = target.stat().st_size
    return Published(target, run_id, published_at, tables, size, round(time.perf_counter() - started, 3))


def schema_in(file: Path, schema: str) -> str:
    """Return the schema that makes `<schema>.<table>` resolve for who opens `file` directly."""
    catalog = file.name.lstrip(".").split(".")[0]
    return "main" if catalog.lower() == schema else schema


def stale_files(target: Path) -> list[Path]:
    """Temporary files beside the published one, and their write-ahead logs."""
    return sorted(target.parent.glob(f".{target.name}.tmp-*"))


def remove_stale(target: Path) -> None:
    """Delete what dead publishes left."""
    for path in stale_files(target):
        path.unlink(missing_ok=True)


def _copy(
    con: duckdb.DuckDBPyConnection, fresh: Path, target: Path, run_id: str, published_at: datetime
) -> dict[str, int]:
    relations = _relations(con)
    if not any(schema == "marts" for schema, _ in relations):
        raise CdpError(
            "there is nothing to publish: the warehouse has no marts", hint="build first: `cdp run`"
        )
    with warehouse.attached(con, fresh, "fresh", f"storage_version '{STORAGE_VERSION}'"):
        # Keeps time-ordered tables ordered, which lets readers skip blocks.
        con.execute("set preserve_insertion_order = true")
        into = {schema: f"fresh.{schema_in(target, schema)}" for schema in SCHEMAS}
        for schema in into.values():
            con.execute(f"create schema if not exists {schema}")
        tables = {
            f"{schema}.{table}": _copy_one(con, schema, table, into[schema]) for schema, table in relations
        }
        _record(con, into["ops"], target.name, run_id, published_at, tables)
        # These two were written after they were copied: what a reader finds is what the list says.
        for name in ("published", "freshness"):
            tables[f"ops.{name}"] = _count(con, f"{into['ops']}.{name}")
            con.execute(
                f"update {into['ops']}.published set row_count = ? where table_name = ? and run_id = ?",
                [tables[f"ops.{name}"], f"ops.{name}", run_id],
            )
        con.execute("checkpoint fresh")
    return tables


def _relations(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Tables and views to publish; dbt's own leftovers (`__dbt_tmp`, `__dbt_backup`) are none."""
    found = con.execute(
        "select table_schema, table_name from information_schema.tables"
        " where table_catalog = current_database() and table_schema in (select unnest(?))"
        " and not contains(table_name, '__dbt_') order by table_schema, table_name",
        [list(SCHEMAS)],
    )
    return [
        (str(schema), str(table))
        for schema, table in found.fetchall()
        if schema != "ops" or table in OPS_TABLES
    ]


def _copy_one(con: duckdb.DuckDBPyConnection, schema: str, table: str, into: str) -> int:
    columns = [row[0] for row in con.execute(f"describe {schema}.{quoted(table)}").fetchall()]
    kept = [column for column in columns if schema != "exports" or not PRIVATE_COLUMNS.search(column)]
    names = ", ".join(quoted(column) for column in kept)
    found = con.execute(
        f"create table {into}.{quoted(table)} as select {names} from {schema}.{quoted(table)}"
    ).fetchone()
    return int(found[0]) if found else 0


def _record(
    con: duckdb.DuckDBPyConnection,
    ops: str,
    name: str,
    run_id: str,
    published_at: datetime,
    tables: dict[str, int],
) -> None:
    """Write `ops.published` and `ops.freshness`, into the schema `ops` of the file or the warehouse."""
    con.execute("begin")
    con.execute(f"delete from {ops}.published where file = ? and run_id = ?", [name, run_id])
    con.execute(
        f"insert into {ops}.published select ?, ?, ?, unnest(?::varchar[]), unnest(?::bigint[])",
        [name, run_id, runs.utc(published_at), list(tables), list(tables.values())],
    )
    con.execute(f"delete from {ops}.freshness where file = ?", [name])
    for source, until in _fresh_until(con):
        con.execute(f"insert into {ops}.freshness values (?, ?, ?)", [name, source, until])
    con.execute("commit")


def _fresh_until(con: duckdb.DuckDBPyConnection) -> list[tuple[str, datetime]]:
    """Per source, when its newest complete load arrived."""
    schemas = con.execute(
        "select table_schema from information_schema.tables where table_catalog = current_database()"
        " and table_name = '_dlt_loads' and starts_with(table_schema, 'raw_') order by table_schema"
    ).fetchall()
    found = []
    for (schema,) in schemas:
        row = con.execute(
            f"select max(inserted_at at time zone 'UTC') from {quoted(schema)}._dlt_loads where status = 0"
        ).fetchone()
        if row and row[0]:
            found.append((schema.removeprefix("raw_"), row[0]))
    return found


def _check(fresh: Path, target: Path, tables: dict[str, int]) -> None:
    """Open the copy as a reader would and compare every table's rows."""
    if warehouse.wal_of(fresh).exists():
        raise CdpError(f"{fresh.name} still has a write-ahead log", hint="run `cdp publish` again")
    with duckdb.connect(":memory:") as con:
        con.execute(f"attach {quoted_text(str(fresh))} as fresh (read_only)")
        for table, rows in tables.items():
            schema, name = table.split(".", 1)
            if (found := _count(con, f"fresh.{schema_in(target, schema)}.{quoted(name)}")) != rows:
                raise CdpError(
                    f"{table} has {found} rows in the new file and {rows} in the warehouse; not published",
                    hint="run `cdp publish` again; if it repeats, `cdp doctor`",
                )


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _mode(target: Path) -> int:
    return target.stat().st_mode & 0o777 if target.exists() else DEFAULT_MODE


def _sync(fresh: Path, mode: int) -> None:
    fresh.chmod(mode)
    handle = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(fresh: Path, target: Path) -> None:
    # A .wal of somebody who opened the published file for writing would make the new file unopenable.
    warehouse.wal_of(target).unlink(missing_ok=True)
    fresh.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
