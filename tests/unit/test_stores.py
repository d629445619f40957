"""The list of places with personal data must be whole: a place it forgets is never erased."""

from pathlib import Path

from cli import publish, stores, warehouse
from cli.config import Company
from cli.runs import RunLog
from tests.ops_company import fill, make_company
from tests.unit.test_runs import AS_OF


def touch(company: Company, *names: str) -> None:
    """Write files as a run would."""
    for name in names:
        path = company.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def test_a_file_that_no_store_lists_is_named(tmp_path: Path) -> None:
    """The check itself: it must be able to fail."""
    company = make_company(tmp_path)
    before = stores.snapshot(company.root)
    touch(company, "exports/out/calls.jsonl", "leak.csv", ".cdp/spill.parquet", "warehouse/copy.duckdb")
    found = stores.unlisted(company, before, stores.snapshot(company.root))

    names = [str(path.relative_to(company.root)) for path in found]
    assert names == [".cdp/spill.parquet", "leak.csv", "warehouse/copy.duckdb"]


def test_what_was_there_before_is_not_the_runs(tmp_path: Path) -> None:
    """A company folder may hold notes of people."""
    company = make_company(tmp_path)
    touch(company, "notes.txt")
    before = stores.snapshot(company.root)

    assert stores.unlisted(company, before, stores.snapshot(company.root)) == []


def test_known_places_of_every_tool_are_listed(tmp_path: Path) -> None:
    """dlt, dbt and Great Expectations write deep below their folders."""
    company = make_company(tmp_path)
    before = stores.snapshot(company.root)
    touch(
        company,
        "data/crm/contacts.csv",
        ".cdp/dlt/cdp_crm/load/new/1/new_jobs/contacts.parquet",
        ".cdp/target/compiled/x/models/a.sql",
        ".cdp/logs/dbt.log",
        ".cdp/data_docs/index.html",
        ".cdp/models/staging/entities/stg_contacts.sql",
        ".cdp/tmp/77/duckdb_temp_storage-0.tmp",
        "warehouse/cdp.duckdb.wal",
        "warehouse/.marts.duckdb.tmp-r1",
    )

    assert stores.unlisted(company, before, stores.snapshot(company.root)) == []


def test_our_own_run_parts_write_listed_files_only(tmp_path: Path) -> None:
    """Run record, lock and publish, as they are."""
    company = make_company(tmp_path)
    before = stores.snapshot(company.root)
    run = RunLog.begin(company, "run", AS_OF)
    fill(company)
    publish.publish(company, run.run_id)
    run.finish("succeeded", 0)

    assert stores.unlisted(company, before, stores.snapshot(company.root)) == []
    assert {store.kind for store, _ in stores.present(company)} >= {"warehouse", "published", "log"}


def test_a_schema_that_is_not_listed_is_named(tmp_path: Path) -> None:
    """A model in a new schema is a new place with people in it."""
    company = make_company(tmp_path)
    fill(company)
    with warehouse.connect(company) as con:
        listed = stores.unlisted_schemas(con)
        con.execute("create schema scratch; create table scratch.people as from staging.people")
        found = stores.unlisted_schemas(con)

    assert listed == []
    assert found == ["scratch"]
