"""How long the golden record takes: `python -m benchmarks.golden_speed [--records 1000000]`.

The seeded contacts of `benchmarks.identity_speed` (skewed people, shared telephones, hubs) with addresses and jobs, a tenth of
them in two versions. Prints the seconds of the golden models in a full build and after 1 % new records, and the floor: the
simplest golden record in bare DuckDB over the same staged rows (for each field the latest value, no history, no provenance, no
exclusions).
"""

import argparse
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.identity_speed import RECORDS, SETTINGS, TABLE
from cli.build import BuildResult
from tests.companies import BELOW_MARTS, TestCompany

FIELDS = ("email", "phone", "first_name", "birth_date", "street", "job_title")
CONTACTS = """
    select
        id, email, phone, loyalty, first, 'Le' as last, born,
        (hash(id) % 50) || ' Road ' || (hash(id || 's') % 400) as street,
        ['Clerk', 'Cook', 'Judge'][cast(1 + hash(id) % 3 as integer)] as job,
        strftime(timestamp '2025-01-01' + to_seconds(cast(hash(id || 't') % 30000000 as integer)), '%Y-%m-%d %H:%M:%S') as changed
    from ({records}) as people
"""
VERSIONS = """
    select * replace (
        strftime(timestamp '2026-02-01' + to_seconds(cast(hash(id || 'm') % 800000 as integer)), '%Y-%m-%d %H:%M:%S') as changed,
        'Chef' as job
    )
    from ({contacts}) as people where hash(id) % 10 = 0
"""
MODELS = (
    "golden_",
    "int_golden",
    "touched_golden",
    "bulk_stamps",
    "written_values",
    "contact_claims",
    "profile_history",
    "brand_fields",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    table = TABLE | {
        "columns": TABLE["columns"] | {"last_name": "last", "street": "street", "job_title": "job"},  # type: ignore[operator]
    }
    select = (*BELOW_MARTS, "+golden_records", "+profile_history", "+brand_fields")
    with tempfile.TemporaryDirectory(prefix="cdp-golden-") as folder:
        sources = [{"name": "crm", "connector": "files", "tables": [table]}]
        company = TestCompany(Path(folder) / "c", sources, SETTINGS, select=select)
        deliver(company, 0, records)
        full = golden_seconds(company.load_and_build())
        floor = bare_seconds(company)
        deliver(company, records, records + records // 100)
        more = golden_seconds(company.load_and_build())
        rows = company.rows("select count(*), count(distinct customer_id) from marts.golden_fields")[0]
    whole, again = sum(full.values()), sum(more.values())
    print(f"{records:,} contacts, {rows[1]:,} people, {rows[0]:,} fields")
    print(f"floor: latest value per field in bare DuckDB {floor:6.2f} s")
    print(f"golden models, full build                  {whole:6.2f} s  {whole / floor:5.2f} x floor")
    print(f"1 % new records                            {again:6.2f} s  {again / whole:5.0%} of full")
    for name, seconds in sorted(full.items(), key=lambda item: -item[1]):
        print(f"  {name:<28} {seconds:6.2f} s  {more.get(name, 0):6.2f} s")


def deliver(company: TestCompany, first: int, last: int) -> None:
    """Write records first to last as one delivery, and a second version of a tenth of them."""
    contacts = CONTACTS.format(records=RECORDS.format(first=first, last=last))
    path = company.root / "data"
    path.mkdir(parents=True, exist_ok=True)
    duckdb.sql(f"copy ({contacts}) to '{path}/contacts{first}a.parquet' (format parquet)")
    duckdb.sql(
        f"copy ({VERSIONS.format(contacts=contacts)}) to '{path}/contacts{first}b.parquet' (format parquet)"
    )


def golden_seconds(result: BuildResult) -> dict[str, float]:
    """Seconds of each model of the golden record."""
    return {
        str(node["name"]): float(node["seconds"])
        for node in result.nodes
        if str(node["name"]).startswith(MODELS)
    }


def bare_seconds(company: TestCompany) -> float:
    """The latest value of each field per customer, as one would write it by hand."""
    latest = ", ".join(
        f"max_by({field}, record_updated_at) filter ({field} is not null) as {field}" for field in FIELDS
    )
    with duckdb.connect(str(company.root / "warehouse" / "cdp.duckdb")) as con:
        con.execute("set memory_limit = '4GB'")
        start = time.perf_counter()
        con.execute(
            f"""create table main.floor as select customer_id, {latest}
            from staging.stg_contacts inner join identity.node_customers using (node_id) group by customer_id"""
        )
        seconds = time.perf_counter() - start
        con.execute("drop table main.floor")
    return seconds


if __name__ == "__main__":
    main()
