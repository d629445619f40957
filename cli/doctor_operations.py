"""What doctor says of operations: published files, freshness, alerts, room in the warehouse."""

import grp
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import duckdb

from cli import freshness, lock, publish, warehouse
from cli.config import Company
from pipelines.errors import CdpError

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` is a command or an action, empty when all is well."""

    level: Level
    what: str
    why: str
    fix: str = ""


def _published_files(company: Company) -> Iterator[Finding]:
    for target in publish.targets(company):
        if target.spec and target.spec.group and not _is_group(target.spec.group):
            why = f"{target.file.name} is to be given to group {target.spec.group}, which is not there"
            yield Finding("error", "published file", why, f"groupadd {target.spec.group}")
        if not target.file.exists():
            continue
        found = _format_of(target.file)
        if found is None:
            why = f"{target.file.name} cannot be opened by DuckDB {duckdb.__version__}"
            yield Finding("error", "published file", why, "cdp publish")
        elif not found.startswith(publish.STORAGE_VERSION):
            why = f"{target.file.name} has file format {found}, not {publish.STORAGE_VERSION}: BI tools may not open it"
            yield Finding("warning", "published file", why, "cdp publish")


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _format_of(path: Path) -> str | None:
    """The storage version of a database; None when it does not open."""
    try:
        with duckdb.connect(":memory:") as con:
            con.execute(f"attach {warehouse.quoted_text(str(path))} as looked_at (read_only)")
            row = con.execute(
                "select tags['storage_version'] from duckdb_databases() where database_name = 'looked_at'"
            ).fetchone()
    except duckdb.Error:
        return None
    return str(row[0]) if row and row[0] else "unknown"


def _freshness(company: Company) -> Iterator[Finding]:
    if lock.holder(company) or not company.warehouse.exists():
        return
    with suppress(CdpError), warehouse.connect(company, read_only=True) as con:
        for one in freshness.measure(con, company):
            if one.is_stale(datetime.now(UTC)):
                fix = f"ask who delivers {one.source}, then `cdp run`; or change `freshness` in cdp.yml"
                yield Finding("warning", "freshness", one.told(), fix)


def _alerts(company: Company) -> Iterator[Finding]:
    if lock.holder(company) or not company.warehouse.exists() or not company.file.alerts:
        return
    with suppress(CdpError), warehouse.connect(company, read_only=True) as con:
        if not warehouse.has_table(con, "ops", "alerts"):
            return
        rows = con.execute(
            "select channel, error from ops.alerts qualify not sent and"
            " row_number() over (partition by channel order by alerted_at desc, changes) = 1 order by 1"
        ).fetchall()
    for channel, error in rows:
        why = f"the last message to `{channel}` did not arrive: {error}"
        yield Finding(
            "warning",
            "alerts",
            why,
            f"check `{channel}` under `alerts:` in cdp.yml; the next run tells it again",
        )


def _empty_room(company: Company) -> Iterator[Finding]:
    if lock.holder(company) or not company.warehouse.exists():
        return
    row = None
    with suppress(CdpError), warehouse.connect(company, read_only=True) as con:
        row = con.execute(
            "select free_blocks / nullif(total_blocks, 0) from pragma_database_size()"
            " where database_name = current_database()"
        ).fetchone()
    size, share = company.warehouse.stat().st_size, float(row[0] or 0) if row else 0.0
    if size >= company.file.warehouse.compact_bytes and share > company.file.warehouse.compact_above + 0.1:
        why = f"{share:.0%} of {company.warehouse.name} ({gigabytes(size)}) is empty"
        yield Finding(
            "warning",
            "room",
            why,
            "the next `cdp run` rewrites it; it needs as much free disk as the file has",
        )


def gigabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e9:.1f} GB"


OPERATIONS: tuple[Callable[[Company], Iterator[Finding]], ...] = (
    _published_files,
    _freshness,
    _alerts,
    _empty_room,
)
