"""The private warehouse file: created once with a fixed storage version, opened for short, bounded work.

DuckDB locks a file for a whole process, and dlt, dbt and our own code take turns on this one: open it with
`connect`, do the work, leave. A handle spills only into its own folder and only up to `temp_limit`: DuckDB's
default is to fill the disk. What the operating system or another process can do to the file comes out as a
`CdpError` that says what to do; errors in our SQL pass through unchanged.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from cli.config import Company
from cli.processes import alive
from pipelines.errors import BusyError, CdpError

# Readable by DuckDB 1.4 and later. A file keeps the version it was created with, whatever opens it later.
STORAGE_VERSION = "v1.4.0"

_LOCK = re.compile(r"Conflicting lock is held(?: in (?P<program>[^(]*?))?\s*\(PID (?P<pid>\d+)\)")
_NEWER = re.compile(r"version number (?P<found>\d+), but we can only read versions? (?P<known>[^.]*)")
_DISK_FULL = re.compile(
    r"no space left|disk quota|file too large|not enough space|write all bytes", re.IGNORECASE
)
_LACKING = re.compile(
    r"(?:Table|View) with name \"?(?P<table>[\w.]+)\"? does not exist|column \"(?P<column>\w+)\" not found"
    r"|does not have a column (?:named|with name) \"(?P<named>\w+)\""
)
_CORRUPT = re.compile(
    r"not a valid duckdb|corrupt|checksum|could not read enough|replaying wal|failed to load wal|wal file|"
    r"serializ|invalidated",
    re.IGNORECASE,
)
_DENIED = re.compile(r"permission denied|read-only file system|operation not permitted", re.IGNORECASE)
_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED_ERRORS = (errno.EACCES, errno.EROFS, errno.EPERM)


def create(company: Company) -> None:
    """Create the warehouse file if it is missing; a file that is there is left as it is.

    It is made under another name and renamed, so that a kill can not leave half a database behind.
    """
    path = company.warehouse
    if path.exists():
        return
    if wal_of(path).exists():
        raise CdpError(
            f"{wal_of(path)} is there without its database {path.name}",
            hint=f"put {path.name} back beside it; or delete the .wal too, if you meant to delete both",
        )
    try:
        make_folder(company)
        for left in path.parent.glob(f".{path.name}.new-*"):
            left.unlink()
        fresh = path.with_name(f".{path.name}.new-{os.getpid()}")
        with duckdb.connect(":memory:") as con:
            con.execute(f"attach {quoted_text(str(fresh))} as fresh (storage_version '{STORAGE_VERSION}')")
            con.execute("detach fresh")
        fresh.chmod(0o600)
        fresh.rename(path)
    except (duckdb.Error, OSError) as error:
        raise translate(error, path) from error


@contextmanager
def connect(company: Company, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse with the company's limits; close it and drop its temporary files at the end.

    Raises BusyError when another process holds the file, CdpError when it can not be opened, read or written.
    """
    path, temp = company.warehouse, temp_of(company, read_only)
    if read_only and not path.exists():
        raise CdpError(f"there is no warehouse at {path}", hint="`cdp run` creates and fills it")
    create(company)
    try:
        con = duckdb.connect(str(path), read_only=read_only)
        try:
            configure(con, company, temp)
            yield con
        finally:
            con.close()
            shutil.rmtree(temp, ignore_errors=True)
    except (duckdb.Error, OSError) as error:
        if not is_environment(error):
            raise
        raise translate(error, path) from error


@contextmanager
def attached(con: duckdb.DuckDBPyConnection, path: Path, name: str, options: str) -> Iterator[None]:
    """Attach a database file for the time of one call.

    After a failed write the detach fails as well; what is raised is the first error, which names the cause.
    """
    con.execute(f"attach {quoted_text(str(path))} as {name} ({options})")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):
            con.execute(f"detach {name}")
        raise
    con.execute(f"detach {name}")


def temp_of(company: Company, read_only: bool = False) -> Path:
    """Where DuckDB may spill: one folder for the writer (DuckDB's file lock allows one), one for each reader.

    The writer's name is fixed because dbt opens the file too, and a handle whose folder is in use refuses another.
    """
    return company.dot / "tmp" / (str(os.getpid()) if read_only else "writer")


def translate(error: BaseException, path: Path | None = None) -> CdpError:
    """Say what DuckDB or the system met, and what to do about it.

    Only messages about files are repeated: others may quote a value of somebody's row.
    """
    if isinstance(error, CdpError):
        return error
    # DuckDB names the cause of a failed checkpoint on the second line; what is printed is the first.
    whole = re.sub(r"^\w[\w ]* Error: ", "", str(error))
    text = whole.split("\n")[0]
    where = str(getattr(error, "filename", None) or path or "the warehouse")
    number = error.errno if isinstance(error, OSError) else None
    if lock := _LOCK.search(text):
        return BusyError(
            f"{where} is in use by process {lock['pid']}"
            + (f" ({lock['program']})" if lock["program"] else ""),
            hint=f"wait for it, or see `ps -fp {lock['pid']}`; readers belong on the published file",
        )
    if number in _FULL_ERRORS or _DISK_FULL.search(whole):
        return full_disk(f"writing {where}", Path(where).parent)
    if number in _DENIED_ERRORS or _DENIED.search(whole):
        return CdpError(
            f"{where} can not be written or read: permission denied or a read-only folder",
            hint=f"make {Path(where).parent} writable for this user (`ls -ld {Path(where).parent}`)",
        )
    if newer := _NEWER.search(text):
        return CdpError(
            f"{where} is of a newer DuckDB (format {newer['found']}, this one reads {newer['known']})",
            hint="install the newer `duckdb` again, or move the file away and run `cdp run --full-refresh`",
        )
    if _CORRUPT.search(text):
        return CdpError(
            f"{where} is damaged or is no DuckDB database: {text}",
            hint="restore a backup, or move it and its .wal away: `cdp run` loads the drop folders again",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return CdpError(
            "DuckDB needs more memory or temporary space than cdp.yml allows",
            hint="raise `warehouse.memory_limit` or `warehouse.temp_limit` in cdp.yml",
        )
    detail = text if isinstance(error, OSError | duckdb.IOException) else type(error).__name__
    return CdpError(f"{where}: {detail}", hint="`cdp doctor` looks for the usual causes")


def lacking(error: BaseException) -> CdpError | None:
    """What a missing table or column is called where a command ends: a warehouse that is older than the command, or our fault."""
    is_missing = isinstance(error, duckdb.CatalogException | duckdb.BinderException)
    if not is_missing or not (found := _LACKING.search(str(error))):
        return None
    name = next(filter(None, found.groups()))
    return CdpError(
        f"the warehouse has no `{name}`, which this command reads: it was built in part, or by another version",
        hint="run `cdp build`; if the error stays, run again with CDP_DEBUG=1 and report it",
    )


def full_disk(doing: str, folder: Path) -> CdpError:
    """What a full disk is called, wherever it was met."""
    return CdpError(
        f"no space left on the device while {doing}",
        hint=f"free space (`df -h {folder}`) and run again; nothing was published",
    )


def tells_full_disk(said: str) -> bool:
    """Whether a message, of DuckDB or of dbt about it, comes from a full disk."""
    return bool(_DISK_FULL.search(said))


def is_environment(error: BaseException) -> bool:
    """Whether an error comes from disk, memory or other processes, and not from our own SQL or a network."""
    if isinstance(error, OSError):
        return error.errno in _FULL_ERRORS + _DENIED_ERRORS
    if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | duckdb.FatalException):
        return True
    # A write that fails at commit is reported as a fault of the transaction.
    if isinstance(error, duckdb.TransactionException):
        return bool(_DISK_FULL.search(str(error)) or _DENIED.search(str(error)))
    # DuckDB 2.0 reports a damaged block as its base class.
    return isinstance(error, duckdb.Error) and bool(
        re.search(r"corrupt|checksum|invalidated", str(error), re.I)
    )


def clean_temp(company: Company) -> None:
    """Remove temporary folders of processes that have died."""
    for folder in (company.dot / "tmp").glob("*"):
        if folder.name.isdigit() and not alive(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)


def clean_rewrites(company: Company) -> None:
    """Remove rewrites of the file that died half way; the caller holds the run lock."""
    for stale in company.warehouse.parent.glob(f".{company.warehouse.name}.compact-*"):
        stale.unlink(missing_ok=True)


def wal_of(path: Path) -> Path:
    """The write-ahead log DuckDB keeps beside a database."""
    return path.with_name(path.name + ".wal")


def quoted(name: str) -> str:
    """An identifier as SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(value: str) -> str:
    """A text literal as SQL, where a statement takes no parameters (attach, set)."""
    return "'" + value.replace("'", "''") + "'"


def has_table(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Whether the open warehouse has this table or view."""
    row = con.execute("select current_database()").fetchone()
    assert row is not None
    with suppress(duckdb.CatalogException, duckdb.BinderException):
        # The usual answer in a hundredth of the time: DuckDB works out its information schema anew for every query.
        con.execute(f"select 1 from {quoted(str(row[0]))}.{quoted(schema)}.{quoted(name)} limit 0")
        return True
    found = con.execute(
        "select 1 from information_schema.tables"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, name],
    )
    return found.fetchone() is not None


def configure(con: duckdb.DuckDBPyConnection, company: Company, temp: Path) -> None:
    """Give a connection the company's limits and a temporary folder of its own."""
    # Set after opening, not in the config: handles of one process on one file must have equal configs.
    for folder in (company.dot, company.dot / "tmp", temp):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = {
        "memory_limit": company.memory_limit,
        "temp_directory": str(temp),
        "max_temp_directory_size": company.temp_limit,
        "TimeZone": "UTC",
    }
    now = con.execute("select current_setting('temp_directory')").fetchone()
    if now is not None and now[0] == str(temp):
        del settings["temp_directory"]
    for name, value in settings.items():
        con.execute(f"set {name} = {quoted_text(value)}")
    # No query of ours relies on insertion order, and keeping it costs memory.
    con.execute("set preserve_insertion_order = false")
    # What builds have replaced is dropped from the file by compaction, not by whatever writes next (profiles.yml).
    con.execute("set max_vacuum_tasks = 0")


def make_folder(company: Company) -> None:
    """The folder of the warehouse, readable by those who may read what is published beside it."""
    folder = company.warehouse.parent
    if folder.exists():
        return
    # BI tools of the group reach the published file through this folder; the warehouse itself is 0600.
    shared = company.published.parent == folder
    folder.mkdir(parents=True)
    folder.chmod(0o750 if shared else 0o700)
