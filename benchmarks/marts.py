"""How far the marts are from SQL by hand: `python -m benchmarks.marts [--scale 1.0]`.

A seeded company of 1 M contacts, 2 M orders, 0.5 M answers and 10 M web events (times `--scale`), delivered as parquet and run
through the whole of `cdp build`. Counted is the time in which a model above identity ran (schemas customer, marts and what they
touch), against `benchmarks/marts_floor.sql`: the same core tables written by hand over the same staged rows, in a fresh file
with the same memory limit. Then 1 % more of everything. CPU seconds stand beside: judge by them where other work runs. Loading,
staging and identity have benchmarks of their own.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.cpu import CpuClock
from benchmarks.spans import wall_seconds
from cli.build import BuildResult
from tests.companies import TestCompany

MEMORY = "4GB"
SETTINGS = {
    "warehouse": {"memory_limit": MEMORY},
    "identity": {"salt": "bench", "fuzzy": {"enabled": False}},
    "cx": {
        "questions": {
            "nps_overall": {"metric": "nps", "scale": [0, 10]},
            "csat_delivery": {
                "metric": "csat",
                "scale": [1, 5],
                "satisfied_from": 4,
                "kind": "transactional",
                "touchpoint": "delivery",
            },
        }
    },
}
# A number below n that depends on the other arguments only.
MACROS = """
    create or replace macro draw(n, a) as cast(hash(a) % n as bigint);
    create or replace macro draw2(n, a, b) as cast(hash(a, b) % n as bigint);
"""
SIZES = {"contacts": 1_000_000, "orders": 2_000_000, "responses": 250_000, "events": 10_000_000}
# {first} and {last} number the rows; {people} is how many people there are. Skewed: a tenth of the people do half of it all.
WHO = "cast(case when hash(i) % 2 = 0 then hash(i, 1) % ({people} // 10 + 1) else hash(i, 2) % {people} end as bigint)"
ROWS = {
    "contacts": """
        select
            'c' || i as id, 'p' || person || '@mail.example' as email, '+8490' || lpad(cast(person as varchar), 7, '0') as phone,
            ['Anna', 'Binh', 'Chi', 'Dora', 'Emil'][1 + person % 5] as first, 'Name' || person % 20000 as last,
            (person % 300) || ' High Street' as street, 'City' || person % 50 as city, 'VN' as country,
            strftime(timestamp '2025-01-01' + to_seconds(draw(40000000, i)), '%Y-%m-%d %H:%M:%S') as changed
        from (select i, cast(i * 7 // 10 as bigint) as person from range({first}, {last}) as t (i))
    """,
    "orders": """
        select
            'o' || i as "order", 'p' || who || '@mail.example' as email,
            strftime(timestamp '2024-07-01' + to_seconds(draw2(62000000, i, 3)), '%Y-%m-%d %H:%M:%S') as "at",
            ['web', 'store', 'app'][1 + i % 3] as channel, cast(1 + draw2(20000, i, 4) as decimal(18, 2)) / 100 as amount,
            cast(draw2(3, i, 5) as decimal(18, 2)) / 100 as discount
        from (select i, {who} as who from range({first}, {last}) as t (i))
    """,
    "responses": """
        select
            'r' || i as id, 'p' || who || '@mail.example' as email,
            strftime(timestamp '2025-01-01' + to_seconds(draw2(46000000, i, 3)), '%Y-%m-%d %H:%M:%S') as "at",
            ['delivery', 'support', 'shop', 'app'][1 + i % 4] as touchpoint, ['mail', 'sms'][1 + i % 2] as channel,
            least(10, draw2(13, i, 6)) as nps, 1 + draw2(5, i, 7) as csat, 'answer ' || draw2(5000, i, 8) as comment
        from (select i, {who} as who from range({first}, {last}) as t (i))
    """,
    "events": """
        select
            'm' || i as id, case when draw2(8, i, 5) = 0 then 'track' else 'page' end as type,
            case
                when draw2(8, i, 5) = 0 then ['Product Viewed', 'Product Added', 'Order Completed'][1 + draw2(3, i, 9)]
            end as name,
            'd' || device as device,
            case when device % 3 = 0 and draw2(6, i, 6) = 0 then 'p' || device // 3 % {people} || '@mail.example' end
                as email,
            strftime(
                timestamp '2025-07-01' + to_seconds(draw2(31000000, device, draw2(3, i, 7)) + draw2(3000, i, 8)),
                '%Y-%m-%d %H:%M:%S'
            ) as "at",
            'https://shop.example/p/' || draw2(5000, i, 10) as url, ['mobile', 'desktop'][1 + device % 2] as platform,
            case when draw2(9, i, 11) = 0 then ['google', 'mail', 'facebook'][1 + draw2(3, i, 11)] end as utm
        from (select i, cast(hash(i, 12) % ({people} * 2) as bigint) as device from range({first}, {last}) as t (i))
    """,
}
TABLES = [
    {
        "name": "contacts",
        "entity": "contact",
        "key": ["id"],
        "updated_at": "changed",
        "columns": {
            "email": "email",
            "phone": "phone",
            "first_name": "first",
            "last_name": "last",
            "street": "street",
            "city": "city",
            "country": "country",
        },
    },
    {
        "name": "orders",
        "entity": "order",
        "key": ["order"],
        "columns": {
            "order_id": "order",
            "email": "email",
            "ordered_at": "at",
            "channel": "channel",
            "gross_amount": "amount",
            "discount_amount": "discount",
        },
    },
    {
        "name": "responses",
        "entity": "response",
        "key": ["id"],
        "columns": {
            "email": "email",
            "responded_at": "at",
            "touchpoint": "touchpoint",
            "channel": "channel",
            "text": "comment",
        },
        "questions": {"nps_overall": "nps", "csat_delivery": "csat"},
    },
    {
        "name": "events",
        "entity": "event",
        "key": ["id"],
        "columns": {
            "message_id": "id",
            "type": "type",
            "event_name": "name",
            "anonymous_id": "device",
            "email": "email",
            "occurred_at": "at",
            "page_url": "url",
            "platform": "platform",
            "utm_source": "utm",
        },
    },
]
ABOVE_IDENTITY = ("customer", "marts", "audiences")
# They lie in schema marts and belong to the identity stage.
IDENTITY = (
    "customer_records",
    "customer_id_history",
    "customer_redirects",
    "identity_quarantine",
    "identity_cuts",
    "identity_health",
)
# They lie in schema staging and are work of the marts: what a build touches, and the votes for a golden record.
WORK = (
    "touched",
    "touched_orders",
    "touched_customers",
    "touched_profiles",
    "touched_conversions",
    "touched_golden",
    "golden_mentions",
    "golden_votes",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0)
    scale: float = parser.parse_args().scale
    sizes = {name: int(size * scale) for name, size in SIZES.items()}
    with tempfile.TemporaryDirectory(prefix="cdp-marts-") as folder:
        tables = [table | {"path": f"data/{table['name']}*.parquet"} for table in TABLES]
        source = {
            "name": "shop",
            "connector": "files",
            "timezone": "UTC",
            "region": "VN",
            "tables": tables,
        }
        company = TestCompany(Path(folder) / "c", [source], SETTINGS)
        deliver(company, sizes, 0, 1)
        with CpuClock() as cpu:
            full = marts_nodes(company.load_and_build())
            began = time.process_time()
            floor = floor_seconds(company, Path(folder))
            hand_cpu = time.process_time() - began
            deliver(company, sizes, 1, 1.01)
            more = marts_nodes(company.load_and_build())
    told = ", ".join(f"{size:,} {name}" for name, size in sizes.items())
    whole, again, hand = wall_seconds(full), wall_seconds(more), sum(floor.values())
    whole_cpu, again_cpu = cpu.seconds(full), cpu.seconds(more)
    by_model, by_model_again = ({node["name"]: node["seconds"] for node in nodes} for nodes in (full, more))
    print(f"{told} (two answers a response); memory_limit {MEMORY}")
    print(f"by hand ({len(floor)} core tables)   {hand:7.2f} s, CPU {hand_cpu:7.2f} s")
    print(
        f"all {len(full)} models of the marts  {whole:7.2f} s, CPU {whole_cpu:7.2f} s  "
        f"{whole / hand:5.2f} x by hand, CPU {whole_cpu / hand_cpu:5.2f} x"
    )
    print(
        f"1 % more                   {again:7.2f} s, CPU {again_cpu:7.2f} s  "
        f"{again / whole:5.0%} of all, CPU {again_cpu / whole_cpu:5.0%}"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    costly = {
        name for one in (by_model, by_model_again) for name in sorted(one, key=lambda key: -one[key])[:25]
    }
    for name in sorted(costly, key=lambda key: -by_model_again.get(key, 0)):
        print(f"  {name:<32} {by_model.get(name, 0):6.2f} s  {by_model_again.get(name, 0):6.2f} s")
    for name, seconds in sorted(floor.items(), key=lambda item: -item[1]):
        print(f"  by hand: {name:<23} {seconds:6.2f} s")


def deliver(company: TestCompany, sizes: dict[str, int], start: float, end: float) -> None:
    """Write rows from `start` to `end` (shares of the size) of every table as one delivery."""
    people = sizes["contacts"] * 7 // 10
    duckdb.sql(MACROS)
    for name, sql in ROWS.items():
        path = company.root / "data" / f"{name}{start}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        who = WHO.format(people=people)
        first, last = int(sizes[name] * start), int(sizes[name] * end)
        rows = sql.format(first=first, last=last, people=people, who=who)
        duckdb.sql(f"copy ({rows}) to '{path}' (format parquet)")


def marts_nodes(result: BuildResult) -> list[dict[str, Any]]:
    """What ran above identity."""
    return [
        node
        for node in result.nodes
        if node["resource_type"] == "model"
        and (node["schema"] in ABOVE_IDENTITY or node["name"] in WORK)
        and node["name"] not in IDENTITY
    ]


def floor_seconds(company: TestCompany, folder: Path) -> dict[str, float]:
    """Seconds of each statement by hand."""
    script = Path(__file__).with_name("marts_floor.sql").read_text(encoding="utf-8")
    found: dict[str, float] = {}
    with duckdb.connect(str(folder / "floor.duckdb"), config={"memory_limit": MEMORY, "threads": 2}) as con:
        con.execute(f"attach '{company.root / 'warehouse' / 'cdp.duckdb'}' as cdp (read_only)")
        for statement in script.split(";\n"):
            if "create table" not in statement:
                continue
            name = statement.split("create table ")[1].split()[0]
            started = time.perf_counter()
            con.execute(statement)
            found[name] = time.perf_counter() - started
    return found


if __name__ == "__main__":
    main()
