"""Publish under real readers, real kills and a real limit on file size."""

import json
import signal
from pathlib import Path

import duckdb
import pytest

from cli import publish
from tests.clients import ask
from tests.ops_company import fill, make_company, python

# Keeps one connection open, and answers each line with what it sees and what a new connection would see.
READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    print(con.execute("select count(*) from marts.customer_360").fetchone()[0], flush=True)
"""
PUBLISH = """
import json, resource, sys
from pathlib import Path
from cli import publish
from cli.config import load_company
from pipelines.errors import CdpError
if limit := int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    done = publish.publish(load_company(Path(sys.argv[1])), sys.argv[2])
    print(json.dumps(done.tables))
except CdpError as error:
    print(f"{error} | {error.hint}")
    raise SystemExit(error.exit_code)
"""


def customers(path: Path) -> int:
    """Count with a connection of its own."""
    with duckdb.connect(str(path), read_only=True) as con:
        row = con.execute("select count(*) from marts.customer_360").fetchone()
    assert row is not None
    return int(row[0])


def test_a_reader_keeps_its_snapshot_and_nobody_waits(tmp_path: Path) -> None:
    """BI tools hold connections for days; a run must neither stop at them nor break them."""
    company = make_company(tmp_path)
    fill(company, customers=10)
    publish.publish(company, "r1")
    reader = python(READER, company.published)
    assert reader.stdin is not None
    assert reader.stdout is not None
    try:
        seen = []
        for number, run_id in ((10, "r2"), (20, "r3"), (30, "r4")):
            fill(company, customers=number)
            print("look", file=reader.stdin, flush=True)
            seen.append(int(reader.stdout.readline()))
            publish.publish(company, run_id)
        print("look", file=reader.stdin, flush=True)
        seen.append(int(reader.stdout.readline()))
    finally:
        reader.stdin.close()
        reader.wait(timeout=20)

    assert seen == [10, 10, 10, 10]
    assert reader.returncode == 0
    assert customers(company.published) == 30


@pytest.mark.parametrize(("point", "expected"), [("publish.copied", 10), ("publish.swapped", 20)])
def test_a_kill_leaves_one_whole_file_and_the_next_publish_heals(
    tmp_path: Path, point: str, expected: int
) -> None:
    """Before the swap the old file stands, after it the new one; never a part of either."""
    company = make_company(tmp_path)
    fill(company, customers=10)
    publish.publish(company, "r1")
    fill(company, customers=20)
    killed = python(PUBLISH, company.config_path, "r2", 0, CDP_FAIL_AT=point)
    killed.communicate(timeout=60)
    after_kill = customers(company.published)
    publish.publish(company, "r3")

    assert killed.returncode == -signal.SIGKILL
    assert after_kill == expected
    assert customers(company.published) == 20
    assert sorted(path.name for path in company.published.parent.iterdir()) == ["cdp.duckdb", "marts.duckdb"]


@pytest.mark.parametrize("limit", [300_000, 1_000_000])
def test_no_room_for_the_copy_keeps_the_old_file(tmp_path: Path, limit: int) -> None:
    """A limit on file size stands in for a full disk: the write itself fails, in the middle of the copy.

    At the smaller limit the detach that follows fails as well, with words of its own.
    """
    company = make_company(tmp_path)
    fill(company, customers=10)
    publish.publish(company, "r1")
    fill(company, customers=500_000)
    full = python(PUBLISH, company.config_path, "r2", limit)
    out, _ = full.communicate(timeout=60)
    after_failure = customers(company.published)
    publish.publish(company, "r3")

    assert full.returncode == 1
    assert "no space left" in out
    assert "df -h" in out
    assert after_failure == 10
    assert customers(company.published) == 500_000


def test_a_client_of_duckdb_1_1_opens_the_file(tmp_path: Path) -> None:
    """BI drivers lag years behind; the file must be as old as the oldest of them."""
    company = make_company(tmp_path)
    fill(company)
    publish.publish(company, "r1")
    sql = "select count(*), min(email) from marts.customer_360"

    assert ask("1.1.3", company.published, sql) == "[(10, 'canary.person@example.com')]"
    assert "Error" in ask("1.1.3", company.warehouse, "select 1")


def test_the_published_process_reports_its_tables(tmp_path: Path) -> None:
    """The kill tests mean nothing if the same process without a kill does not publish."""
    company = make_company(tmp_path)
    fill(company)
    done = python(PUBLISH, company.config_path, "r1", 0)
    out, err = done.communicate(timeout=60)

    assert done.returncode == 0, err
    assert json.loads(out)["marts.customer_360"] == 10
