"""Publish: schemas marts, ops and exports of the warehouse -> fresh files -> in place of the published ones.

Data flow: warehouse  ->  .<name>.tmp-<run_id> beside each published file  ->  os.replace

Readers keep the file they have open (the old inode) and see the new one when they connect again: nobody
waits. Views become tables, as a published view would need the staging schemas. The copy has an old storage
version, so that BI drivers of DuckDB 1.1 open it. All files are written and checked before the first is swapped;
until then a failure costs only the new ones. What goes into a file: `publish_select`; versions kept: `previous`.
The caller holds the run lock, so every temporary file found is of a publish that died.

Who opens `marts.duckdb` and selects from `marts.customer_360` must get it. DuckDB names the catalog after the
file, and refuses `marts.customer_360` as ambiguous when a catalog and a schema have that name; so there the
tables of marts go to the default schema and the name reads catalog.table (`schema_in`).
"""

import os
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cli import files, freshness, previous, runs, warehouse
from cli.config import Company
from cli.config_operations import PublishedFile
from cli.gate import refuse_unvalidated
from cli.publish_select import SCHEMAS, Selection, selections
from cli.warehouse import quoted, quoted_text
from pipelines.errors import CdpError
from pipelines.failpoints import reach

# The oldest format DuckDB writes: opened by 1.1.3 (tests/integration/test_publish_readers.py).
STORAGE_VERSION = "v1.0.0"
# Readable by the group, so that a BI server's user can be added to it; a mode set by hand is kept.
DEFAULT_MODE = 0o640
# Room asked for beyond the size of the files that are there.
SPARE = 1.2


@dataclass(frozen=True)
class Target:
    """A file to publish; `spec` is its entry in `publish:`, None for the main one."""

    file: Path
    spec: PublishedFile | None = None

    def fresh(self, run_id: str) -> Path:
        """Where its next version is written."""
        return self.file.with_name(f".{self.file.name}.tmp-{run_id}")


@dataclass(frozen=True)
class Published:
    """A finished publish of one file; `others` are the further ones of the same publish."""

    file: Path
    run_id: str
    published_at: datetime
    tables: dict[str, int]
    size: int
    seconds: float
    others: list["Published"] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows over all tables."""
        return sum(self.tables.values())


def targets(company: Company) -> list[Target]:
    """The main file first; behind a symlink the file itself is swapped, not the link."""
    more = [Target(_real(company.published_file(spec)), spec) for spec in company.file.publish]
    return [Target(_real(company.published)), *more]


def publish(company: Company, run_id: str) -> Published:
    """Write, check and swap in new published files.

    Raises CdpError (previous files intact) when there are no marts, a copy is incomplete or the disk full;
    BlockedError when the newest quality results hold a critical failure.
    """
    started = time.perf_counter()
    published_at = datetime.now(UTC)
    wanted = targets(company)
    try:
        for target in wanted:
            target.file.parent.mkdir(parents=True, exist_ok=True)
            remove_stale(target.file)
        files.need(company.published.parent, _room(company, wanted), "publishing")
        with warehouse.connect(company) as con:
            runs.ensure(con)
            refuse_unvalidated(con, "published")
            fresh = freshness.measure(con, company)
            written = [_write(con, company, target, run_id, published_at, fresh) for target in wanted]
        reach("publish.copied")
        for target in wanted:
            previous.keep(company, target.file)
        reach("publish.kept")
        for target in wanted:
            files.swap(target.fresh(run_id), target.file)
            reach("publish.swapped")
        with warehouse.connect(company) as con:
            for target, tables in zip(wanted, written, strict=True):
                _record(con, "ops", target.file.name, run_id, published_at, tables, fresh)
    except OSError as error:
        raise warehouse.translate(error, wanted[0].file) from error
    finally:
        for target in wanted:
            remove_stale(target.file)
    seconds = round(time.perf_counter() - started, 3)
    main, *others = [
        Published(target.file, run_id, published_at, tables, target.file.stat().st_size, seconds)
        for target, tables in zip(wanted, written, strict=True)
    ]
    main.others.extend(others)
    return main


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


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _room(company: Company, wanted: list[Target]) -> int:
    """Bytes that the new files will need: as much as the present ones, or a part of the warehouse at first."""
    now = sum(target.file.stat().st_size for target in wanted if target.file.exists())
    if not now and company.warehouse.exists():
        now = company.warehouse.stat().st_size // 2
    return round(now * SPARE)


def _write(
    con: duckdb.DuckDBPyConnection,
    company: Company,
    target: Target,
    run_id: str,
    published_at: datetime,
    fresh_sources: list[freshness.Freshness],
) -> dict[str, int]:
    """Write and check the next version of one file; its tables with their rows."""
    fresh = target.fresh(run_id)
    chosen = selections(con, company, target.spec)
    with warehouse.attached(con, fresh, "fresh", f"storage_version '{STORAGE_VERSION}'"):
        # Keeps time-ordered tables ordered, which lets readers skip blocks.
        con.execute("set preserve_insertion_order = true")
        tables = _copy(con, target, chosen, run_id, published_at, fresh_sources)
        con.execute("checkpoint fresh")
    _check(fresh, target.file, tables)
    _give(fresh, target)
    files.sync(fresh)
    return tables


def _copy(
    con: duckdb.DuckDBPyConnection,
    target: Target,
    chosen: list[Selection],
    run_id: str,
    published_at: datetime,
    fresh_sources: list[freshness.Freshness],
) -> dict[str, int]:
    into = {schema: f"fresh.{schema_in(target.file, schema)}" for schema in SCHEMAS}
    for schema in into.values():
        con.execute(f"create schema if not exists {schema}")
    tables = {f"{one.schema}.{one.table}": _copy_one(con, one, into[one.schema]) for one in chosen}
    if target.spec:
        # A further file tells of itself only: how many rows others have is not its readers' business.
        for name in ("published", "freshness"):
            condition = f"file = {quoted_text(target.file.name)}"
            con.execute(f"create table {into['ops']}.{name} as select * from ops.{name} where {condition}")
            tables[f"ops.{name}"] = 0
    _record(con, into["ops"], target.file.name, run_id, published_at, tables, fresh_sources)
    # These two were written after they were copied: what a reader finds is what the list says.
    for name in ("published", "freshness"):
        tables[f"ops.{name}"] = _count(con, f"{into['ops']}.{name}")
        con.execute(
            f"update {into['ops']}.published set row_count = ? where table_name = ? and run_id = ?",
            [tables[f"ops.{name}"], f"ops.{name}", run_id],
        )
    return tables


def _copy_one(con: duckdb.DuckDBPyConnection, one: Selection, into: str) -> int:
    found = con.execute(f"create table {into}.{quoted(one.table)} as {one.sql}").fetchone()
    return int(found[0]) if found else 0


def _record(
    con: duckdb.DuckDBPyConnection,
    ops: str,
    name: str,
    run_id: str,
    published_at: datetime,
    tables: dict[str, int],
    fresh_sources: list[freshness.Freshness],
) -> None:
    """Write `ops.published` and `ops.freshness`, into the schema `ops` of the file or the warehouse."""
    con.execute("begin")
    con.execute(f"delete from {ops}.published where file = ? and run_id = ?", [name, run_id])
    con.execute(
        f"insert into {ops}.published select ?, ?, ?, unnest(?::varchar[]), unnest(?::bigint[])",
        [name, run_id, runs.utc(published_at), list(tables), list(tables.values())],
    )
    con.execute(f"delete from {ops}.freshness where file = ?", [name])
    for one in fresh_sources:
        con.execute(
            f"insert into {ops}.freshness (file, source, fresh_until, delivered_at, promised_minutes)"
            " values (?, ?, ?, ?, ?)",
            [name, *one.row],
        )
    con.execute("commit")


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


def _give(fresh: Path, target: Target) -> None:
    """Give the file to those who may read it, before it has its name."""
    spec, now = target.spec, target.file.stat() if target.file.exists() else None
    if spec and spec.group:
        try:
            shutil.chown(fresh, group=spec.group)
        except (LookupError, PermissionError) as error:
            raise CdpError(
                f"publish: {target.file.name} cannot be given to group {spec.group}: {error}",
                hint=f"`groupadd {spec.group}`, and make this user a member of it",
            ) from error
    elif now and now.st_gid != fresh.stat().st_gid:
        shutil.chown(fresh, group=now.st_gid)
    mode = now.st_mode & 0o777 if now else DEFAULT_MODE
    fresh.chmod(int(spec.mode, 8) if spec and spec.mode else mode)
