"""Previous versions of the published files: kept by hard link when a new one is swapped in, and put back by `--rollback`.

Data flow: <published file>  ->  .cdp/published/<name>/<run_id>.duckdb  ->  <published file>

The folder is private and may be deleted: then there is nothing to go back to. A version that was taken back is not kept; the
next run publishes anew from the warehouse, so correct the cause before it, or stop the schedule.
"""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cli import files, runs, warehouse
from cli.config import Company
from cli.warehouse import quoted_text
from pipelines.errors import CdpError
from pipelines.failpoints import reach


def keep(company: Company, target: Path) -> None:
    """Keep what `target` is now, before another file takes its place; the oldest versions go."""
    wanted = company.file.warehouse.previous
    if wanted and target.exists() and (run_id := run_of(target)):
        folder = folder_of(company, target)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _link(target, folder / f"{run_id}.duckdb")
    for old in versions(company, target)[wanted:]:
        old.unlink(missing_ok=True)


def versions(company: Company, target: Path) -> list[Path]:
    """Kept versions, newest first."""
    return sorted(folder_of(company, target).glob("[!.]*.duckdb"), reverse=True)


def folder_of(company: Company, target: Path) -> Path:
    """Where the versions of a published file lie."""
    return company.dot / "published" / target.stem


def roll_back(company: Company, targets: list[Path], run_id: str, to: str | None = None) -> list[str]:
    """Put the version before the present one back in every published file, or the one of run `to`.

    Returns a line per file. Raises CdpError, nothing changed, when a file that is published has no such version.
    """
    plan = [(target, _chosen(company, target, to)) for target in targets if target.exists()]
    if not plan:
        raise CdpError("nothing is published yet", hint="run `cdp run`")
    told = []
    for target, version in plan:
        readable(version)
        restored = version.stem
        _put_back(target, version, run_id)
        for newer in [one for one in versions(company, target) if one.stem > restored]:
            newer.unlink(missing_ok=True)
        with warehouse.connect(company) as con:
            _record(con, target, restored)
        told.append(f"{target.name} is that of run {restored} again")
    return told


def run_of(target: Path) -> str | None:
    """The run that published this file; None when it cannot be read, which makes it no version to go back to."""
    name = target.name
    try:
        with duckdb.connect(":memory:") as con:
            con.execute(f"attach {quoted_text(str(target))} as f (read_only)")
            schema = con.execute(
                "select schema_name from duckdb_tables() where database_name = 'f' and table_name = 'published'"
            ).fetchone()
            if schema is None:
                return None
            row = con.execute(
                f"select arg_max(run_id, published_at) from f.{schema[0]}.published where file = ?", [name]
            ).fetchone()
    except duckdb.Error:
        return None
    return str(row[0]) if row and row[0] else None


def readable(version: Path) -> None:
    """Read every row of a version before people get it. Raises CdpError for a damaged one."""
    from cli.verify import damage

    if found := damage(version):
        raise CdpError(
            f"the kept version {version.name} is damaged: {found[0]}", hint="`cdp publish` writes a new file"
        )


def _chosen(company: Company, target: Path, to: str | None) -> Path:
    kept = [one for one in versions(company, target) if to is None or one.stem.startswith(to)]
    if not kept:
        what = f"of run {to}" if to else "before the present one"
        there = ", ".join(one.stem for one in versions(company, target)) or "none"
        raise CdpError(
            f"no version {what} is kept of {target.name} (kept: {there})",
            hint="`warehouse.previous` in cdp.yml says how many are kept; `cdp publish` writes a new file",
        )
    return kept[0]


def _put_back(target: Path, version: Path, run_id: str) -> None:
    fresh = target.with_name(f".{target.name}.tmp-{run_id}")
    fresh.unlink(missing_ok=True)
    _link(version, fresh)
    stat = target.stat()
    fresh.chmod(stat.st_mode & 0o777)
    files.sync(fresh)
    reach("publish.rollback")
    files.swap(fresh, target)
    version.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """A second name of the same file; a copy where the folders are on two disks. Both names never change in place."""
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        os.link(source, fresh)
    except OSError:
        shutil.copy2(source, fresh)
        files.sync(fresh)
    fresh.replace(target)


def _record(con: duckdb.DuckDBPyConnection, target: Path, restored: str) -> None:
    """The version of run `restored` counts as published again, now."""
    runs.ensure(con)
    con.execute(
        "insert into ops.published select file, run_id, ?, table_name, any_value(row_count) from ops.published"
        " where file = ? and run_id = ? group by all",
        [runs.utc(datetime.now(UTC)), target.name, restored],
    )
