"""How far loading is from bare DuckDB: `python -m benchmarks.load [--rows 5000000] [--only events,csv,parquet,again]`.

Writes synthetic deliveries of one shape each, then for each of them, alternating, in processes of their own: DuckDB reading
the file into a table (the floor), and `cdp load` of the same file end to end (dlt package, load id and source position on
every row). Prints wall seconds and CPU seconds (which other work on the machine disturbs less) with their ratios, rows per
second and peak memory, and what a second load costs after a file with 1 % new rows was added, less start-up.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

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


@dataclass(frozen=True, order=True)
class Cost:
    """What one process took: wall and CPU seconds (user and system), and its peak memory."""

    wall: float
    cpu: float
    mebibytes: float


def cost(command: list[str]) -> Cost:
    """Run a process to its end. Raises CalledProcessError when it fails."""
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    wall = time.perf_counter() - before
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(shape: str, rows: int, folder: Path, rounds: int) -> None:
    """Print floor and ours, best of the rounds, and the second load with 1 % new rows."""
    company, _, name, _, reader = SHAPES[shape]
    source = folder / name.format(n="")
    write(shape, source, 0, rows)
    floors, ours, again, idle = [], [], [], []
    for number in range(rounds):
        bare = folder / f"bare{number}.duckdb"
        floors.append(cost([sys.executable, "-c", FLOOR, str(bare), reader.format(path=source)]))
        bare.unlink()
        home = folder / f"company{number}"
        (home / "in").mkdir(parents=True)
        (home / "in" / source.name).hardlink_to(source)
        (home / "cdp.yml").write_text(company + "warehouse: {memory_limit: 1GB}\n", encoding="utf-8")
        command = [sys.executable, "-m", "cli.main", "load", "--config", str(home / "cdp.yml")]
        ours.append(cost(command))
        write(shape, home / "in" / name.format(n="2"), rows, rows + rows // 100)
        again.append(cost(command))
        # What a load with one new row costs is start-up.
        write(shape, home / "in" / name.format(n="3"), rows * 2, rows * 2 + 1)
        idle.append(cost(command))
        shutil.rmtree(home)
    source.unlink()
    tell(shape, rows, floors, ours, again, idle)


def tell(
    shape: str, rows: int, floors: list[Cost], ours: list[Cost], again: list[Cost], idle: list[Cost]
) -> None:
    """One line for wall seconds, one for CPU seconds."""
    for what, seconds in (("wall", _walls), ("CPU", _cpus)):
        floor, load, second, start = (min(seconds(some)) for some in (floors, ours, again, idle))
        print(
            f"{shape:<8} {rows:>9,} rows, {what:<4} seconds: DuckDB {floor:6.1f}, cdp load {load:6.1f},"
            f" ratio {load / floor:4.2f}, {rows / load:>9,.0f} rows/s;"
            f" 1 % more {second:4.1f}, start-up {start:4.1f} ({(second - start) / load:.1%})"
        )
    print(f"{shape:<8} peak memory {max(one.mebibytes for one in ours):,.0f} MiB", flush=True)


def _walls(costs: list[Cost]) -> list[float]:
    return [one.wall for one in costs]


def _cpus(costs: list[Cost]) -> list[float]:
    return [one.cpu for one in costs]


def main() -> None:
    """Print one line per shape."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default=",".join(SHAPES))
    wanted = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="cdp-bench-") as folder:
        for shape in wanted.only.split(","):
            measure(shape, wanted.rows, Path(folder), wanted.rounds)


if __name__ == "__main__":
    main()
