"""How far loading is from bare DuckDB: `python -m benchmarks.load [--rows 5000000] [--only events,csv,parquet,again]`.

Writes synthetic deliveries of one shape each, then for each of them, alternating, in processes of their own: DuckDB reading
the file into a table (the floor), and `cdp load` of the same file end to end (dlt package, load id and source position on
every row). Prints wall seconds, the ratio, rows per second and peak memory; `again` adds a file with 1 % new rows.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from benchmarks.demo import timed

COMPANY = """
sources:
  - name: big
    connector: files
    tables:
      - {name: events, entity: event, path: "in/events*.jsonl", key: [messageId],
         columns: {message_id: messageId, type: type, event_name: event, occurred_at: timestamp,
                   anonymous_id: anonymousId, email: context.traits.email}}
"""
CSV = """
sources:
  - name: big
    connector: files
    tables:
      - {name: orders, entity: order, path: "in/orders*.%s", key: [order_no],
         columns: {order_id: order_no, ordered_at: placed, gross_amount: total, email: mail}}
"""
EVENTS = """
    select 'm-' || i as "messageId", ['track', 'page', 'identify'][1 + i % 3] as type, 'Product Viewed' as event,
        timestamp '2026-01-01' + to_seconds(i) as timestamp, timestamp '2026-01-01' + to_seconds(i + 1) as "receivedAt",
        'a-' || (i % 200000) as "anonymousId",
        case when i % 5 = 0 then 'u-' || (i % 50000) end as "userId",
        {'sku': 'sku-' || (i % 900), 'price': (i % 300) + 0.5, 'currency': 'EUR', 'position': i % 10} as properties,
        {'ip': '10.0.0.' || (i % 250), 'userAgent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0',
         'page': {'path': '/p/' || (i % 900), 'url': 'https://shop.example/p/' || (i % 900)},
         'traits': {'email': 'person' || (i % 50000) || '@mail.example'}} as context
    from range({from}, {to}) as numbers (i)
"""
ORDERS = """
    select 'o-' || i as order_no, timestamp '2026-01-01' + to_seconds(i) as placed, (i % 90000) / 100 as total,
        'person' || (i % 50000) || '@mail.example' as mail, 'Nguyễn Văn ' || (i % 300) as name,
        '+8490' || (1000000 + i % 50000) as phone, ['paid', 'cancelled'][1 + i % 2] as status, i % 7 as store,
        'a note, "quoted" ' || i as note
    from range({from}, {to}) as numbers (i)
"""
SHAPES = {
    "events": (COMPANY, EVENTS, "events{n}.jsonl", "(format json)", "read_json('{path}', format = 'newline_delimited')"),
    "csv": (CSV % "csv", ORDERS, "orders{n}.csv", "(format csv)", "read_csv('{path}')"),
    "parquet": (CSV % "parquet", ORDERS, "orders{n}.parquet", "(format parquet)", "read_parquet('{path}')"),
}  # fmt: skip
FLOOR = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
con.execute("set memory_limit = '2GB'; set enable_progress_bar = false")
con.execute(f"create table t as from {sys.argv[2]}")
"""


def write(shape: str, path: Path, first: int, last: int) -> None:
    """One delivery with rows first to last."""
    _, sql, _, options, _ = SHAPES[shape]
    sql = sql.replace("{from}", str(first)).replace("{to}", str(last))
    duckdb.sql(f"copy ({sql}) to '{path}' {options}")


def measure(shape: str, rows: int, folder: Path, rounds: int) -> None:
    """Print floor and ours, best of the rounds, and the second load with 1 % new rows."""
    company, _, name, _, reader = SHAPES[shape]
    source = folder / name.format(n="")
    write(shape, source, 0, rows)
    floors, ours, memory, again = [], [], [], []
    for number in range(rounds):
        bare = folder / f"bare{number}.duckdb"
        seconds, _, _ = timed([sys.executable, "-c", FLOOR, str(bare), reader.format(path=source)])
        floors.append(seconds)
        bare.unlink()
        home = folder / f"company{number}"
        (home / "in").mkdir(parents=True)
        (home / "in" / source.name).hardlink_to(source)
        (home / "cdp.yml").write_text(company + "warehouse: {memory_limit: 1GB}\n", encoding="utf-8")
        command = [sys.executable, "-m", "cli.main", "load", "--config", str(home / "cdp.yml")]
        seconds, peak, _ = timed(command)
        ours.append(seconds)
        memory.append(peak)
        write(shape, home / "in" / name.format(n="2"), rows, rows + rows // 100)
        again.append(timed(command)[0])
        shutil.rmtree(home)
    source.unlink()
    print(
        f"{shape:<8} {rows:>9,} rows: DuckDB {min(floors):6.1f} s, cdp load {min(ours):6.1f} s,"
        f" ratio {min(ours) / min(floors):4.2f}, {rows / min(ours):>9,.0f} rows/s, {max(memory):,.0f} MiB;"
        f" 1 % more {min(again):5.1f} s ({min(again) / min(ours):.0%})",
        flush=True,
    )


def main() -> None:
    """Print one line per shape."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default=",".join(SHAPES))
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-bench-") as folder:
        for shape in wanted.only.split(","):
            measure(shape, wanted.rows, Path(folder), wanted.rounds)


if __name__ == "__main__":
    main()
