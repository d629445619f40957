"""What the published file holds, and that a failed publish changes nothing."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli import publish, warehouse
from pipelines.errors import BlockedError, CdpError
from pipelines.failpoints import FailPointError
from tests.ops_company import CONFIG, fill, make_company


def read(path: Path, sql: str) -> list[Any]:
    """Read a published file as a BI tool does: opened directly, two-part names."""
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


@pytest.mark.parametrize("name", ["marts.duckdb", "analytics.duckdb", "ops.duckdb", "Marts.duckdb"])
def test_every_table_reads_by_its_contract_name(tmp_path: Path, name: str) -> None:
    """DuckDB calls the catalog like the file and refuses `marts.x` when a schema has that name too."""
    company = make_company(tmp_path, CONFIG + f"warehouse: {{published: warehouse/{name}}}\n")
    fill(company)
    publish.publish(company, "r1")

    assert read(company.published, "select count(*) from marts.customer_360") == [(10,)]
    assert read(company.published, "select count(*) from exports.ledger") == [(10,)]
    assert read(company.published, "select distinct run_id from ops.published") == [("r1",)]


def test_views_are_published_as_tables_and_dbt_leftovers_are_not(tmp_path: Path) -> None:
    """A view would need staging, which is not in the file."""
    company = make_company(tmp_path)
    fill(company)
    done = publish.publish(company, "r1")

    assert done.tables["marts.emails"] == 10
    assert read(company.published, "select count(*) from marts.emails") == [(10,)]
    assert not [table for table in done.tables if "__dbt_" in table or table.startswith(("staging", "raw_"))]
    assert read(company.published, "select count(*) from duckdb_views() where not internal") == [(0,)]


def test_what_destinations_know_stays_private(tmp_path: Path) -> None:
    """An uploaded hash or an external id is enough to find a person elsewhere."""
    company = make_company(tmp_path)
    fill(company)
    with warehouse.connect(company) as con:
        con.execute("create table exports.tries as select 'k' as key, '{}' as request_payload")
    publish.publish(company, "r1")

    assert [row[0] for row in read(company.published, "describe exports.ledger")] == ["sync", "key", "state"]
    with pytest.raises(duckdb.CatalogException):
        read(company.published, "describe exports.tries")


def test_the_list_of_tables_is_true_and_the_same_on_both_sides(tmp_path: Path) -> None:
    """`ops.published` is what people check a file against."""
    company = make_company(tmp_path)
    fill(company)
    done = publish.publish(company, "r1")
    publish.publish(company, "r2")
    sql = "select table_name, row_count from ops.published where run_id = 'r1' order by table_name"
    with warehouse.connect(company) as con:
        kept = con.execute(sql).fetchall()

    assert dict(kept) == done.tables
    assert read(company.published, sql) == kept
    newest = dict(read(company.published, sql.replace("r1", "r2")))
    for table, rows in newest.items():
        assert read(company.published, f"select count(*) from {table}") == [(rows,)]


def test_freshness_is_the_arrival_of_the_newest_complete_load(tmp_path: Path) -> None:
    """Readers compute staleness from it when a blocked run can not write the file."""
    company = make_company(tmp_path)
    fill(company)
    publish.publish(company, "r1")

    found = read(company.published, "select file, source, fresh_until::varchar from ops.freshness")
    assert found == [("marts.duckdb", "crm", "2026-01-05 10:00:00")]


def test_without_marts_nothing_is_published(tmp_path: Path) -> None:
    """An empty file would replace a good one."""
    company = make_company(tmp_path)
    warehouse.create(company)
    with pytest.raises(CdpError, match="no marts"):
        publish.publish(company, "r1")

    assert not company.published.exists()


def test_what_the_gate_held_back_stays_back_until_a_newer_verdict(tmp_path: Path) -> None:
    """`cdp publish` after a blocked run would undo the gate."""
    company = make_company(tmp_path)
    fill(company)
    values = "('{}', 'key_null_share', 'marts.x', 'critical', {}, 1, 'at most 0', timestamp '2026-01-0{}')"
    with warehouse.connect(company) as con:
        con.execute("insert into ops.quality_results values " + values.format("r1", "false", 1))
    with pytest.raises(BlockedError, match=r"marts\.x key_null_share"):
        publish.publish(company, "r2")
    held_back = not company.published.exists()
    with warehouse.connect(company) as con:
        con.execute("insert into ops.quality_results values " + values.format("r3", "true", 2))
    publish.publish(company, "r3")

    assert held_back
    assert company.published.exists()


@pytest.mark.parametrize(("how", "error"), [("raise", FailPointError), ("enospc", CdpError)])
def test_a_failure_before_the_swap_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, error: type[Exception]
) -> None:
    """Readers keep what they had, and no half file stays on the disk."""
    company = make_company(tmp_path)
    fill(company)
    publish.publish(company, "r1")
    before = company.published.read_bytes()
    fill(company, customers=20)
    monkeypatch.setenv("CDP_FAIL_AT", "publish.copied")
    monkeypatch.setenv("CDP_FAIL_HOW", how)
    monkeypatch.setattr("pipelines.failpoints._reached", __import__("collections").Counter())
    with pytest.raises(error):
        publish.publish(company, "r2")

    assert company.published.read_bytes() == before
    assert sorted(path.name for path in company.published.parent.iterdir()) == ["cdp.duckdb", "marts.duckdb"]


def test_a_copy_with_missing_rows_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of what was read from the copy decides, not the hope that the copy worked."""
    company = make_company(tmp_path)
    fill(company)
    honest = publish._copy_one
    monkeypatch.setattr(publish, "_copy_one", lambda *arguments: honest(*arguments) + 1)
    with pytest.raises(CdpError, match="has 10 rows in the new file and 11 in the warehouse"):
        publish.publish(company, "r1")

    assert not company.published.exists()


def test_left_over_files_and_a_foreign_log_are_cleared(tmp_path: Path) -> None:
    """A stale .wal beside a swapped file makes it unopenable."""
    company = make_company(tmp_path)
    fill(company)
    publish.publish(company, "r1")
    stale = company.published.with_name(".marts.duckdb.tmp-dead")
    stale.write_bytes(b"half a file")
    warehouse.wal_of(company.published).write_bytes(b"written by a tool that opened the file to write")
    publish.publish(company, "r2")

    assert sorted(path.name for path in company.published.parent.iterdir()) == ["cdp.duckdb", "marts.duckdb"]
    assert read(company.published, "select count(*) from marts.customer_360") == [(10,)]


def test_the_mode_set_by_hand_is_kept(tmp_path: Path) -> None:
    """Who may read the file is the owner's decision, made once."""
    company = make_company(tmp_path)
    fill(company)
    publish.publish(company, "r1")
    first = company.published.stat().st_mode & 0o777
    company.published.chmod(0o644)
    publish.publish(company, "r2")

    assert first == 0o640
    assert company.published.stat().st_mode & 0o777 == 0o644


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Swapping the link itself would publish beside the place people read."""
    company = make_company(tmp_path)
    fill(company)
    (tmp_path / "share").mkdir()
    company.published.symlink_to(tmp_path / "share" / "marts.duckdb")
    publish.publish(company, "r1")

    assert company.published.is_symlink()
    assert read(tmp_path / "share" / "marts.duckdb", "select count(*) from marts.customer_360") == [(10,)]
