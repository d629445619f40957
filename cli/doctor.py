"""What could stop or spoil the next run, each finding with the command that fixes it.

Looks at files, locks, limits and versions from outside; it opens the warehouse only read-only and only when
nobody works on it, so that it may be run at any time. What lies outside is asked whether it takes our credentials.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb

from cli import lock, publish, warehouse
from cli.config import Company
from cli.doctor_operations import OPERATIONS, Finding, gigabytes
from cli.doctor_reach import connections
from cli.processes import alive
from pipelines.errors import CdpError

PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "dlt", "great-expectations")
# A publish writes a second copy of the marts; less than this is too little for any company.
LEAST_FREE_BYTES = 1_000_000_000
_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}


def findings(company: Company, offline: bool = False) -> list[Finding]:
    """Look at everything (`offline`: but at nothing outside this machine); problems first."""
    checks: tuple[Callable[[Company], Iterator[Finding]], ...] = (
        _config,
        _secrets,
        _versions,
        _run_lock,
        _warehouse,
        _write_ahead_logs,
        _permissions,
        _disk,
        _memory,
        _pending_loads,
        _leftovers,
        *OPERATIONS,
        *(() if offline else (connections,)),
    )
    found = [finding for check in checks for finding in check(company)]
    return sorted(found, key=lambda finding: ("error", "warning", "ok").index(finding.level))


def _config(company: Company) -> Iterator[Finding]:
    yield Finding("ok", "configuration", f"{company.config_path} is valid, {len(company.sources)} sources")


def _secrets(company: Company) -> Iterator[Finding]:
    texts = list(_texts(company.file.model_dump()))
    names = sorted({name for text in texts for name in re.findall(r"\$\{([A-Z][A-Z0-9_]*)\}", text)})
    missing = [name for name in names if name not in os.environ]
    for name in missing:
        why = f"{company.config_path.name} needs the environment variable {name}, which is not set"
        yield Finding("error", "secrets", why, f"export {name}=...")
    if names and not missing:
        yield Finding("ok", "secrets", f"{', '.join(names)} are set")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _versions(company: Company) -> Iterator[Finding]:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("error", "versions", f"{package} is not installed", "make .venv")
    yield Finding("ok", "versions", ", ".join(found))


def _run_lock(company: Company) -> Iterator[Finding]:
    if holder := lock.holder(company):
        why = f"`cdp {holder.command}`, process {holder.pid}, since {holder.started_at}"
        yield Finding("warning", "a run is active", why, f"wait for it, or `kill {holder.pid}`")


def _warehouse(company: Company) -> Iterator[Finding]:
    if not company.warehouse.exists():
        yield Finding("warning", "warehouse", f"{company.warehouse} does not exist yet", "cdp run")
        return
    if lock.holder(company):
        return
    try:
        with warehouse.connect(company, read_only=True) as con:
            made_by = _storage_version(con)
    except CdpError as error:
        yield Finding("error", "warehouse", str(error), error.hint or "")
        return
    yield Finding("ok", "warehouse", f"opens with DuckDB {duckdb.__version__}; file format {made_by}")
    if not made_by.startswith(warehouse.STORAGE_VERSION):
        why = f"file format is {made_by}, not {warehouse.STORAGE_VERSION}: older DuckDB may not open it"
        yield Finding(
            "warning", "warehouse format", why, "move the file away and run `cdp run --full-refresh`"
        )


def _storage_version(con: duckdb.DuckDBPyConnection) -> str:
    row = con.execute(
        "select tags['storage_version'] from duckdb_databases() where database_name = current_database()"
    ).fetchone()
    return str(row[0]) if row and row[0] else "unknown"


def _write_ahead_logs(company: Company) -> Iterator[Finding]:
    published, private = warehouse.wal_of(company.published), warehouse.wal_of(company.warehouse)
    if published.exists():
        why = f"{published} is there: somebody opened the published file for writing; it may not open now"
        yield Finding("error", "published file", why, "connect read-only; `cdp publish` removes the log")
    if private.exists() and not lock.holder(company):
        if company.warehouse.exists():
            why = f"{private.name} is left of a process that was killed; DuckDB replays it"
            yield Finding("warning", "warehouse log", why, "nothing to do: the next `cdp run` takes it in")
        else:
            why = f"{private} is there without its database"
            yield Finding("error", "warehouse log", why, f"put {company.warehouse.name} back beside it")


def _permissions(company: Company) -> Iterator[Finding]:
    for path, mode in ((company.warehouse, 0o600), (company.dot, 0o700)):
        if path.exists() and path.stat().st_mode & 0o077:
            why = f"{path} holds personal data and others may read it ({path.stat().st_mode & 0o777:o})"
            yield Finding("warning", "permissions", why, f"chmod {mode:o} {path}")
    for folder in {company.root, company.warehouse.parent, company.published.parent}:
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            yield Finding("error", "permissions", f"{folder} is not writable", f"ls -ld {folder}")


def _disk(company: Company) -> Iterator[Finding]:
    size = company.warehouse.stat().st_size if company.warehouse.exists() else 0
    free = shutil.disk_usage(company.root).free
    if free < max(LEAST_FREE_BYTES, 2 * size):
        why = f"{gigabytes(free)} free; a run may need {gigabytes(max(LEAST_FREE_BYTES, 2 * size))}"
        yield Finding("warning", "disk", why, f"df -h {company.root}")
    else:
        yield Finding("ok", "disk", f"{gigabytes(free)} free, warehouse {gigabytes(size)}")


def _memory(company: Company) -> Iterator[Finding]:
    number, unit = re.match(r"([\d.]+)\s?(\w+)", company.memory_limit).groups()  # type: ignore[union-attr]
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if float(number) * _UNITS[unit] > there:
        why = f"warehouse.memory_limit is {company.memory_limit}, this machine has {gigabytes(there)}"
        yield Finding("warning", "memory", why, "lower `warehouse.memory_limit` in cdp.yml")


def _pending_loads(company: Company) -> Iterator[Finding]:
    for pipeline in sorted((company.dot / "dlt").glob("cdp_*")):
        folders = (
            pipeline / "normalize" / "extracted",
            *(pipeline / "load" / f for f in ("new", "normalized")),
        )
        count = sum(1 for folder in folders if folder.is_dir() for one in folder.iterdir() if one.is_dir())
        if count and not lock.holder(company):
            why = f"{pipeline.name}: {count} packages are read and not in raw yet (a killed run)"
            yield Finding(
                "warning", "pending load", why, "nothing to do: the next `cdp run` loads them first"
            )


def _leftovers(company: Company) -> Iterator[Finding]:
    if lock.holder(company):
        return
    left = [path for target in publish.targets(company) for path in publish.stale_files(target.file)]
    left += company.warehouse.parent.glob(f".{company.warehouse.name}.compact-*")
    left += [path for path in (company.dot / "tmp").glob("*") if any(path.glob("*")) and not _in_use(path)]
    if left:
        names = ", ".join(
            str(path.relative_to(company.root)) for path in left if path.is_relative_to(company.root)
        )
        yield Finding(
            "warning", "left over", f"files of killed processes: {names}", "the next `cdp run` removes them"
        )


def _in_use(path: Path) -> bool:
    return path.name.isdigit() and alive(int(path.name))
