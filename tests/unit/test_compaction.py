"""The warehouse does not grow with the number of runs, and a rewrite loses nothing, wherever it is cut short."""

import os
import signal
from pathlib import Path

import duckdb
import pytest

from cli import compact, verify, warehouse
from cli.config import Company
from pipelines.errors import BusyError, CdpError
from tests.ops_company import CONFIG, first_line, make_company, python

RUNS = 200 if os.environ.get("CDP_PROOF") else 60
EAGER = CONFIG + "warehouse: {compact_bytes: 0}\n"
COMPACT = """
import sys
from pathlib import Path
from cli import compact
from cli.config import load_company
compact.compact(load_company(Path(sys.argv[1])), "r1")
"""
WRITE = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def filled(folder: Path, rows: int = 200_000) -> Company:
    """A warehouse with all kinds of objects, and room that a dropped table left."""
    company = make_company(folder, EAGER)
    warehouse.create(company)
    with warehouse.connect(company) as con:
        con.execute(
            f"""
            create schema marts; create schema staging;
            create table staging.a as select range as id, md5(range::varchar) as value, [range] as list from range({rows});
            create table marts.b (id bigint not null, kind varchar check (kind in ('x', 'y')), made timestamp default now());
            insert into marts.b (id, kind) select range, 'x' from range(100);
            create view marts.c as select id, value from staging.a where id < 10;
            create view marts.d as select * from cdp.marts.c;
            create table staging.gone as select range as id, md5(range::varchar) as value from range({rows});
            """
        )
        con.execute("checkpoint")
        con.execute("drop table staging.gone")
    return company


def contents(company: Company) -> dict[tuple[str, str], verify.Table]:
    """Every table of the file, hashed."""
    with duckdb.connect(":memory:") as con:
        con.execute(f"attach '{company.warehouse}' as w (read_only)")
        return verify.scan(con, "w")


def test_a_rewrite_keeps_everything_and_gives_the_room_back(tmp_path: Path) -> None:
    """Tables, views over views, constraints and defaults; the storage version stays too."""
    company = filled(tmp_path)
    before, size = contents(company), compact.measure(company)
    assert compact.is_due(company, size) is not None
    done = compact.compact(company, "r1")
    after = contents(company)
    with warehouse.connect(company) as con:
        rows = con.execute("select count(*) from marts.d").fetchone()
        with pytest.raises(duckdb.ConstraintException):
            con.execute("insert into marts.b (id, kind) values (1, 'z')")
        tags = con.execute(
            "select tags['storage_version'] from duckdb_databases() where database_name = 'cdp'"
        ).fetchone()

    assert done.after < 0.8 * done.before
    assert {name: after[name] for name in before} == before
    assert rows == (10,)
    assert tags is not None
    assert str(tags[0]).startswith(warehouse.STORAGE_VERSION)
    assert compact.is_due(company, compact.measure(company)) is None
    assert company.warehouse.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in company.warehouse.parent.iterdir()] == ["cdp.duckdb"]


def test_size_after_many_runs_is_bounded(tmp_path: Path) -> None:
    """200 runs that rewrite a table each, in the manner of a build; the rule decides, never the test."""
    company = filled(tmp_path, rows=20_000)
    for number in range(RUNS // 10):
        with warehouse.connect(company) as con:
            for turn in range(10):
                con.execute(
                    f"create or replace table marts.m{turn % 3} as select id, md5((id + {number * 10 + turn})::varchar) as v,"
                    f" repeat('x', {20 + turn}) as w from staging.a"
                )
        if compact.is_due(company, compact.measure(company)):
            compact.compact(company, f"r{number}")
    size = company.warehouse.stat().st_size
    fresh = company.warehouse.with_name("fresh.duckdb")
    compact.copy(company, fresh)

    assert size <= 1.3 * fresh.stat().st_size


def test_size_after_many_increments_is_bounded(tmp_path: Path) -> None:
    """Rows that increments replace leave no free block behind; a file that was never rewritten is measured by its first size."""
    company = filled(tmp_path)
    compact.copy(company, company.warehouse.with_name("full.duckdb"))
    company.warehouse.with_name("full.duckdb").replace(company.warehouse)
    rewrites = 0
    for number in range(RUNS // 3):
        with warehouse.connect(company) as con:
            con.execute(f"create temp table news as select * from staging.a where id % 40 = {number % 40}")
            con.execute("delete from staging.a where id in (select id from news)")
            con.execute("insert into staging.a select * from news")
        size = compact.measure(company)
        if compact.is_due(company, size):
            compact.compact(company, f"r{number}")
            rewrites += 1
        else:
            compact.remember(company, f"r{number}", size)
    size_at_the_end = company.warehouse.stat().st_size
    fresh = company.warehouse.with_name("fresh.duckdb")
    compact.copy(company, fresh)

    assert 0 < rewrites < RUNS // 6
    assert size_at_the_end <= 1.3 * fresh.stat().st_size


@pytest.mark.parametrize("point", ["compact.copied", "compact.swapped"])
def test_a_kill_leaves_one_whole_warehouse(tmp_path: Path, point: str) -> None:
    """Before the swap the old file, after it the new one, both with every row."""
    company = filled(tmp_path, rows=20_000)
    before = contents(company)
    killed = python(COMPACT, company.config_path, CDP_FAIL_AT=point)
    killed.communicate(timeout=60)
    after = contents(company)
    with warehouse.connect(company) as con:
        con.execute("insert into marts.b (id, kind) values (1000, 'y')")
    warehouse.clean_rewrites(company)

    assert killed.returncode == -signal.SIGKILL
    assert after == before
    assert [path.name for path in company.warehouse.parent.iterdir()] == ["cdp.duckdb"]


def test_a_log_left_by_a_kill_is_taken_in_first(tmp_path: Path) -> None:
    """Rows that are in the write-ahead log only are rows."""
    company = filled(tmp_path, rows=1000)
    dying = (
        "import sys, os, duckdb\ncon = duckdb.connect(sys.argv[1])\n"
        "con.execute(\"insert into marts.b (id, kind) values (7777, 'y')\")\nos.kill(os.getpid(), 9)\n"
    )
    python(dying, company.warehouse).wait(timeout=60)
    assert warehouse.wal_of(company.warehouse).exists()
    compact.compact(company, "r1")
    with warehouse.connect(company) as con:
        found = con.execute("select count(*) from marts.b where id = 7777").fetchone()

    assert found == (1,)


def test_a_writer_beside_us_stops_the_rewrite(tmp_path: Path) -> None:
    """What plain dbt writes while we copy would be lost."""
    company = filled(tmp_path, rows=1000)
    other = python(WRITE, company.warehouse)
    try:
        assert first_line(other) == "open"
        with pytest.raises(BusyError):
            compact.compact(company, "r1")
    finally:
        other.kill()
        other.wait()


def test_a_copy_that_differs_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison decides, not the hope that the copy worked."""
    company = filled(tmp_path, rows=1000)
    before = company.warehouse.read_bytes()
    honest = verify._read
    monkeypatch.setattr(
        verify,
        "_read",
        lambda con, catalog, name: verify.Table(0, 0) if catalog == "fresh" else honest(con, catalog, name),
    )
    with pytest.raises(CdpError, match="the copy of the warehouse differs in"):
        compact.compact(company, "r1")

    assert company.warehouse.read_bytes() == before
    assert [path.name for path in company.warehouse.parent.iterdir()] == ["cdp.duckdb"]
