"""How far exact identity is from bare connected components: `python -m benchmarks.identity_speed [--records 1000000]`.

A seeded graph with realistic skew: most people have few records, some share a phone, one mailbox and one phone are junk hubs,
some records hang together in long chains. `--shape chain` is one chain of all records (each shares its mailbox with the one
before and its telephone with the one after), `--shape hub` one mailbox that all records share and the limit refuses: the worst
that can come.

Prints, of one run: the floor (scipy's connected components, fed by Arrow from the staged identifiers, scipy imported before),
the same as a process that does nothing else (most of it is import), a second floor (the finished tables of the stage copied by
DuckDB into an empty file: no work but the writing), our clustering alone, the whole identity stage from staged identifiers to
`customer_records` (limits, verdicts, constraints, history, reasons), and the same after 1 % new records. Stage seconds are
those during which one of its models ran: dbt runs two at a time.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.components_floor import scipy_seconds
from benchmarks.spans import wall_seconds
from cli.build import BuildResult
from tests.companies import TestCompany

SETTINGS = {
    "warehouse": {"memory_limit": "4GB"},
    "identity": {
        "salt": "bench",
        "fuzzy": {"enabled": False},
        "identifiers": {
            "loyalty_no": {"scope": "global"},
            "email": {"max_profiles": 20},
            "phone": {"max_profiles": 10},
        },
    },
}
TABLE = {
    "name": "contacts",
    "entity": "contact",
    "path": "data/contacts*.parquet",
    "key": ["id"],
    "updated_at": "changed",
    "columns": {
        "email": "email",
        "phone": "phone",
        "loyalty_no": "loyalty",
        "first_name": "first",
        "birth_date": "born",
        "created_at": "changed",
    },
}
RECORDS = """
    with numbered as (
        select i, hash(i) as h, cast(floor(i / (1 + hash(i // 7) % 5)) as bigint) as person from range({first}, {last}) as t (i)
    )
    select
        'r' || i as id,
        case
            when i % 1000 < 40 then 'c' || (i // 2) || '@chain.example'
            when h % 200 = 0 then 'shared.desk@shop.example'
            when h % 100 < 70 then 'p' || person || '@mail.example'
        end as email,
        case
            when h % 300 = 1 then '+15550000001'
            when h % 50 = 2 then '+1556' || lpad(cast(person // 3 % 10000000 as varchar), 7, '0')
            when h % 100 < 60 then '+1557' || lpad(cast(person % 10000000 as varchar), 7, '0')
        end as phone,
        case when i % 1000 < 40 then 'chain' || cast((i + 1) // 2 as varchar) when h % 10 = 3 then 'l' || person end as loyalty,
        ['Anna', 'Binh', 'Chi', 'Dora', 'Emil'][cast(1 + hash(person) % 5 as integer)] as first,
        case when h % 3 = 0 then strftime(date '1950-01-01' + cast(hash(person) % 20000 as integer), '%Y-%m-%d') end as born,
        '2026-01-01' as changed
    from numbered
"""
# One chain, which must be cut, and one hub.
CHAIN = """
    select
        'r' || i as id, 'c' || (i // 2) || '@chain.example' as email,
        '+1557' || lpad(cast((i + 1) // 2 as varchar), 7, '0') as phone, null::varchar as loyalty,
        null::varchar as first, null::varchar as born, '2026-01-01' as changed
    from range({first}, {last}) as t (i)
"""
HUB = """
    select
        'r' || i as id, 'all@hub.example' as email, '+1557' || lpad(cast(i as varchar), 7, '0') as phone,
        null::varchar as loyalty, null::varchar as first, null::varchar as born, '2026-01-01' as changed
    from range({first}, {last}) as t (i)
"""
SHAPES = {"skewed": RECORDS, "chain": CHAIN, "hub": HUB}
STAGED = (
    "stg_",
    "rows_",
    "prep_",
    "work_",
    "config_",
    "run_clock",
    "touched_owners",
    "touched_devices",
    "quarantine",
    "load_counts",
)
BELOW = (
    "+touched_profiles",
    "path:generated_models",
    "+customer_redirects",
    "+customer_id_history",
    "identity",
    "customer_records",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--shape", choices=list(SHAPES), default="skewed")
    given = parser.parse_args()
    records, shape = given.records, SHAPES[given.shape]
    with tempfile.TemporaryDirectory(prefix="cdp-identity-") as folder:
        sources = [{"name": "crm", "connector": "files", "tables": [TABLE]}]
        company = TestCompany(Path(folder) / "c", sources, SETTINGS, select=BELOW)
        deliver(company, shape, 0, records)
        full = identity_nodes(company.load_and_build())
        warehouse = company.root / "warehouse" / "cdp.duckdb"
        floor, writing = scipy_seconds(warehouse), writing_seconds(company, full)
        clock = time.perf_counter()
        subprocess.run([sys.executable, "-m", "benchmarks.components_floor", str(warehouse)], check=True)
        process = time.perf_counter() - clock
        deliver(company, shape, records, records + records // 100)
        more = identity_nodes(company.load_and_build())
    whole, again = wall_seconds(full), wall_seconds(more)
    by_model, by_model_again = ({node["name"]: node["seconds"] for node in nodes} for nodes in (full, more))
    clustering = by_model["node_components"]
    print(f"{records:,} records, {given.shape}; floor: scipy connected components fed by Arrow {floor:.2f} s")
    print(f"the same in a new process   {process:6.2f} s  {process / floor:5.2f} x floor (most of it import)")
    print(f"bare writing of its tables  {writing:6.2f} s  {writing / floor:5.2f} x floor")
    print(f"clustering alone            {clustering:6.2f} s  {clustering / floor:5.2f} x floor")
    print(
        f"whole exact identity stage  {whole:6.2f} s  {whole / floor:5.2f} x floor, {whole / process:5.2f} x in a new process"
    )
    print(f"1 % new records             {again:6.2f} s  {again / whole:5.0%} of the whole stage")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    for name, seconds in sorted(by_model.items(), key=lambda item: -item[1]):
        print(f"  {name:<32} {seconds:6.2f} s  {by_model_again.get(name, 0):6.2f} s")


def deliver(company: TestCompany, shape: str, first: int, last: int) -> None:
    """Write records first to last as one delivery."""
    path = company.root / "data" / f"contacts{first}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(f"copy ({shape.format(first=first, last=last)}) to '{path}' (format parquet)")


def identity_nodes(result: BuildResult) -> list[dict[str, Any]]:
    """What ran from staged identifiers to `customer_records`."""
    return [
        node
        for node in result.nodes
        if node["resource_type"] == "model"
        and (node["schema"] == "identity" or node["name"] in IDENTITY or node["name"].startswith("touched_"))
        and not node["name"].startswith(STAGED)
    ]


IDENTITY = (
    "customer_records", "customer_id_history", "customer_redirects", "identity_quarantine", "identity_cuts",
    "affected_nodes", "links_before", "merge_causes", "split_causes", "pin_moves",
)  # fmt: skip


def writing_seconds(company: TestCompany, nodes: list[dict[str, Any]]) -> float:
    """The second floor: what the stage wrote, copied table by table into a file of its own."""
    names = {(node["schema"], node["name"]) for node in nodes}
    with duckdb.connect(
        str(company.root / "copy.duckdb"), config={"preserve_insertion_order": "false"}
    ) as con:
        con.execute(f"attach '{company.root / 'warehouse' / 'cdp.duckdb'}' as built (read_only)")
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'built'"
        ).fetchall()
        started = time.perf_counter()
        for schema, name in names.intersection(tables):
            con.execute(f"create table {name} as from built.{schema}.{name}")
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
