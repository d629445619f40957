"""The private file: how it is made, and what people are told when it can not be used."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cli import warehouse
from pipelines.errors import BusyError, CdpError
from tests.ops_company import first_line, make_company, python

HOLD = "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_the_file_has_its_storage_version_and_is_private(tmp_path: Path) -> None:
    """Other tools keep the version a file was made with, so it must be made by us, once."""
    company = make_company(tmp_path)
    warehouse.create(company)
    inode = company.warehouse.stat().st_ino
    warehouse.create(company)
    with warehouse.connect(company) as con:
        found = con.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchall()

    assert found == [("v1.4.0+",)]
    assert company.warehouse.stat().st_ino == inode
    assert company.warehouse.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in company.warehouse.parent.iterdir()) == ["cdp.duckdb"]


def test_limits_are_the_companys_and_temp_is_cleared(tmp_path: Path) -> None:
    """DuckDB's own default is to spill until the disk is full."""
    company = make_company(tmp_path)
    with warehouse.connect(company) as con:
        found = con.execute(
            "select current_setting('max_temp_directory_size'), current_setting('temp_directory'),"
            " current_setting('TimeZone')"
        ).fetchone()

    assert found == ("18.6 GiB", str(company.dot / "tmp" / "writer"), "UTC")
    assert list((company.dot / "tmp").iterdir()) == []
    assert company.dot.stat().st_mode & 0o777 == 0o700


def test_temp_of_dead_processes_is_removed_and_of_living_ones_kept(tmp_path: Path) -> None:
    """A killed run leaves spilled rows of people behind."""
    company = make_company(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (company.dot / "tmp" / str(pid)).mkdir(parents=True)
    warehouse.clean_temp(company)

    assert [path.name for path in (company.dot / "tmp").iterdir()] == [str(os.getpid())]


def test_a_held_file_is_busy_and_names_the_process(tmp_path: Path) -> None:
    """A bare "database is locked" helps nobody."""
    company = make_company(tmp_path)
    warehouse.create(company)
    other = python(HOLD, company.warehouse)
    try:
        assert first_line(other) == "held"
        with pytest.raises(BusyError, match=f"in use by process {other.pid}"), warehouse.connect(company):
            pass
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", [b"", b"not a database" * 500])
def test_a_damaged_file_says_so_and_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """Overwriting it would destroy what a backup tool may still rescue."""
    company = make_company(tmp_path)
    company.warehouse.parent.mkdir()
    company.warehouse.write_bytes(content)
    with (
        pytest.raises(CdpError, match="damaged or is no DuckDB database") as caught,
        warehouse.connect(company),
    ):
        pass

    assert "backup" in str(caught.value.hint)
    assert company.warehouse.read_bytes() == content


def test_a_damaged_block_says_so(tmp_path: Path) -> None:
    """Bit rot shows when the block is read; DuckDB 2.0 reports it with another class."""
    company = make_company(tmp_path)
    with warehouse.connect(company) as con:
        con.execute("create table numbers as select range as n from range(100000)")
    content = bytearray(company.warehouse.read_bytes())
    for at in range(12288, len(content), 4096):
        content[at : at + 64] = b"\xff" * 64
    company.warehouse.write_bytes(content)

    with pytest.raises(CdpError, match="damaged"), warehouse.connect(company) as con:
        con.execute("select sum(n) from numbers").fetchall()


def test_a_log_without_its_database_stops(tmp_path: Path) -> None:
    """A new database beside an old log can not be opened, and the log may hold the last transactions."""
    company = make_company(tmp_path)
    company.warehouse.parent.mkdir()
    warehouse.wal_of(company.warehouse).write_bytes(b"x")

    with pytest.raises(CdpError, match="without its database"):
        warehouse.create(company)


def test_reading_needs_a_warehouse(tmp_path: Path) -> None:
    """A status command must not create one."""
    company = make_company(tmp_path)
    with pytest.raises(CdpError, match="there is no warehouse"), warehouse.connect(company, read_only=True):
        pass

    assert not company.warehouse.exists()


def test_errors_in_our_sql_pass_unchanged(tmp_path: Path) -> None:
    """A bug dressed as a full disk would be looked for in the wrong place."""
    company = make_company(tmp_path)
    with pytest.raises(duckdb.CatalogException), warehouse.connect(company) as con:
        con.execute("from no_such_table")
    with pytest.raises(ConnectionError), warehouse.connect(company):
        raise ConnectionResetError(errno.ECONNRESET, "a destination went away")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/y"),
            "no space left on the device while writing /x/y",
        ),
        (duckdb.IOException("IO Error: Could not write file: No space left on device"), "no space left"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y can not be written or read"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "read-only folder"),
        (
            duckdb.IOException(
                "IO Error: Trying to read a database file with version number 99, but we can only read"
                " versions between 64 and 67.\nMore"
            ),
            "newer DuckDB",
        ),
        (duckdb.OutOfMemoryException("Out of Memory Error: 1 GB"), "more memory or temporary space"),
    ],
)
def test_what_the_system_says_becomes_what_to_do(error: Exception, words: str) -> None:
    """Each has another remedy."""
    found = warehouse.translate(error)

    assert words in str(found)
    assert found.hint


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("select 1 from no_such_table", "no_such_table"),
        ("select 1 from nowhere.no_such_table", "nowhere.no_such_table"),
        ("select side from held", "side"),
        ("select one.side from held as one", "side"),
        ("insert into held (side) values (1)", "side"),
    ],
)
def test_what_the_warehouse_lacks_is_named(statement: str, name: str) -> None:
    """In the words of DuckDB: an older warehouse under a newer command is no riddle."""
    with duckdb.connect() as con:
        con.execute("create table held (a integer)")
        with pytest.raises((duckdb.CatalogException, duckdb.BinderException)) as raised:
            con.execute(statement)
    found = warehouse.lacking(raised.value)

    assert found is not None
    assert f"has no `{name}`," in str(found)
    assert (
        warehouse.lacking(duckdb.BinderException("Binder Error: GROUP BY clause cannot contain this")) is None
    )


def test_values_of_rows_are_not_repeated() -> None:
    """A conversion error quotes the value it met: it may be somebody's name."""
    found = warehouse.translate(
        duckdb.ConversionException("Conversion Error: Could not convert string 'Ada'")
    )

    assert "Ada" not in str(found) + str(found.hint)
