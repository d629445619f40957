"""What exports cost: `python -m benchmarks.export [--only diff,http,limit] [--drt VENV]`.

diff   1 M rows x 10 columns against the ledger, all consented: nothing to do, nothing changed since a run that found nothing to
       do, 1 % changed; beside the floor in the same process, alternating: DuckDB joining the model with a snapshot of its keys
       and row hashes, counting what differs.
http   100,000 rows to a webhook on loopback (a process of its own) in batches of 500, and again with nothing changed. With
       `--drt` (the python of a venv that has drt-core) the same rows through drt, rate limit lifted. Both as processes, by turns.
limit  the same to a destination that answers 429 above N requests per second, with Retry-After as the only advice: share of N
       that is reached.

Synthetic rows; best of the rounds; seconds are wall seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.exports import DestinationSpec, PurposeSpec, SyncSpec, plan, run_syncs
from pipelines.exports.plan import discard, prepare

AS_OF = datetime(2026, 7, 1)
PURPOSES = {"email_marketing": PurposeSpec("email_marketing", "consent", "email", 730)}
SYNC = SyncSpec("people", "activation.people", "customer_id", "mirror", "email_marketing", "email", "hook")
TABLES = """
create schema activation;
create schema marts;
create schema customer;
create table activation.people as
select
    'c-' || left(md5(cast(n as varchar)), 16) as customer_id, 'p' || n || '@example.com' as email,
    'First ' || (n % 5000) as first_name, 'Last ' || (n % 70000) as last_name, '+8490' || (1000000 + n) as phone,
    cast((n % 9000) * 1.25 as decimal(18, 2)) as revenue, n % 40 as orders,
    timestamp '2025-01-01' + to_seconds(n) as last_order_at, ['a', 'b', 'c'][1 + n % 3] as segment, n % 2 = 0 as is_active
from range({rows}) as numbers (n);
create table marts.consents as
select
    customer_id, email as contact_point, 'email' as channel, 'email_marketing' as purpose, 'granted' as state,
    'consent' as basis, timestamp '2026-01-01' as obtained_at, cast(null as timestamp) as expires_at, 'v1' as policy_version,
    'form' as proof, 'consent:' || customer_id as consent_record_id
from activation.people;
create table customer.suppressions (
    customer_id varchar, contact_point varchar, channel varchar, reason varchar, since timestamp
);
create table marts.customer_redirects (old_customer_id varchar, new_customer_id varchar);
"""
ACCEPTED = """
insert into exports.ledger by name
select
    'people' as sync, key, customer_id, 'acked' as state, 1 as seq, 'upsert' as operation, row_hash,
    row_hash as acked_hash, row_mark as acked_mark, false as in_doubt, key as destination_key,
    uuid() as idempotency_key, 0 as attempts,
    'before' as updated_run_id, timestamp '2026-06-01' as updated_at, uuid() as contact_point_hash
from export_0_hashed
"""
HASHED = """
select customer_id as key, md5(concat_ws(
    chr(31), email, first_name, last_name, phone, cast(revenue as varchar), cast(orders as varchar),
    cast(last_order_at as varchar), segment, cast(is_active as varchar)
)) as row_hash
from activation.people
"""
FLOOR = f"""
select
    count(*) filter (where held.key is null), count(*) filter (where found.key is null),
    count(*) filter (where found.row_hash <> held.row_hash)
from ({HASHED}) as found
full join snapshot as held on held.key = found.key
"""
QUIET = "a run"
SERVER = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
limit = float(sys.argv[1])
seen = {"requests": 0, "window": 0, "in_window": 0}
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        now = int(time.time())
        if now != seen["window"]:
            seen.update(window=now, in_window=0)
        seen["in_window"] += 1
        over = limit and seen["in_window"] > limit
        seen["requests"] += not over
        self.send_response(429 if over else 200)
        if over:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def do_GET(self):
        body = str(seen["requests"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
class Server(ThreadingHTTPServer):
    daemon_threads = True
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def hook(url: str, **options: object) -> dict[str, DestinationSpec]:
    """The webhook, batches of 500."""
    return {"hook": DestinationSpec("hook", "http", {"url": url, "batch_size": 500, **options})}


def configure(con: duckdb.DuckDBPyConnection) -> None:
    """The limits of a company."""
    con.execute("set memory_limit = '4GB'; set preserve_insertion_order = false; set threads = 2")


@contextmanager
def warehouse(folder: Path, rows: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse file with a sync model and consents."""
    with duckdb.connect(str(folder / f"people{rows}.duckdb")) as con:
        configure(con)
        con.execute(TABLES.format(rows=rows))
        yield con


@contextmanager
def receiver(limit: float = 0) -> Iterator[str]:
    """A webhook in a process of its own; its address."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(limit)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/in"
    finally:
        process.terminate()
        process.wait()


def requests_of(url: str) -> int:
    """Requests that were accepted so far."""
    import httpx

    return int(httpx.get(url).text)


def seconds(work: object, *arguments: object) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    work(*arguments)  # type: ignore[operator]
    return time.perf_counter() - began


def diff(folder: Path, rows: int, rounds: int) -> None:
    """Print the plan of a million rows beside the bare join."""
    to = hook("http://127.0.0.1:9/in")
    with warehouse(folder, rows) as con:
        prepared = prepare(con, [SYNC], PURPOSES, to, as_of=AS_OF)
        con.execute(ACCEPTED)
        discard(con, prepared)
        con.execute(f"create table snapshot as {HASHED}")
        con.execute("checkpoint")
        for what, change in (
            ("nothing to do, looked at anew", ""),
            ("nothing changed since a run found nothing to do", QUIET),
            ("1 % changed", "update activation.people set first_name = 'New' where hash(email) % 100 = 0"),
        ):
            if change == QUIET:
                assert send(con, "http://127.0.0.1:9/in", "quiet") > 0
            elif change:
                con.execute(change)
            floors, ours, due = [], [], 0
            for _ in range(rounds):
                floors.append(seconds(lambda: con.execute(FLOOR).fetchall()))
                began = time.perf_counter()
                (one,) = plan(con, [SYNC], PURPOSES, to, as_of=AS_OF)
                ours.append(time.perf_counter() - began)
                due = one.due
            print(
                f"diff  {rows:,} rows x 10 columns, {what}: bare join {min(floors):.2f} s, plan {min(ours):.2f} s,"
                f" ratio {min(ours) / min(floors):.2f}; {due:,} operations",
                flush=True,
            )


def send(con: duckdb.DuckDBPyConnection, url: str, run_id: str, **options: object) -> float:
    """Seconds of one run of exports."""
    began = time.perf_counter()
    result = run_syncs(con, [SYNC], PURPOSES, hook(url, **options), run_id=run_id, as_of=AS_OF, now=AS_OF)
    assert result.exit_code == 0, result
    return time.perf_counter() - began


def child() -> None:
    """One run of exports in a process of its own: arguments warehouse file, address, run id."""
    file, url, run_id = sys.argv[1:]
    with duckdb.connect(file) as con:
        configure(con)
        send(con, url, run_id)


def as_process(file: Path, url: str, run_id: str) -> float:
    """Wall seconds of `child`, start-up and the closing checkpoint included."""
    command = [sys.executable, "-c", "from benchmarks.export import child; child()", str(file), url, run_id]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def http(folder: Path, rows: int, rounds: int, drt: str | None) -> None:
    """Print rows per second to a webhook, what a run with nothing new sends, and drt-core's seconds, by turns."""
    firsts, quiets, theirs = [], [], []
    for n in range(rounds):
        home = folder / f"http{n}"
        home.mkdir()
        with warehouse(home, rows):
            pass
        with receiver() as url:
            file = home / f"people{rows}.duckdb"
            firsts.append(as_process(file, url, "r1"))
            sent = requests_of(url)
            quiets.append(as_process(file, url, "r2"))
            more = requests_of(url) - sent
        if drt:
            theirs.append(_drt(home, rows, drt))
    first = min(firsts)
    print(
        f"http  {rows:,} rows in batches of 500, as a process with start-up: {first:.1f} s, {rows / first:,.0f} rows/s, {sent}"
        f" requests; nothing new: {min(quiets):.2f} s, {more} requests",
        flush=True,
    )
    if theirs:
        took = min(theirs)
        print(
            f"http  drt-core, the same rows: {took:.1f} s, {rows / took:,.0f} rows/s; ours {took / first:.2f} times as quick"
            f" (all rounds: {', '.join(f'{one:.1f}/{other:.1f}' for one, other in zip(theirs, firsts, strict=True))})",
            flush=True,
        )


def _drt(folder: Path, rows: int, python: str) -> float:
    """Seconds of the same rows through drt-core, rate limit lifted, state in its own folder."""
    home = folder / "drt"
    (home / "syncs").mkdir(parents=True)
    (home / ".drt").mkdir()
    database = home / "people.duckdb"
    with duckdb.connect(str(database)) as con:
        con.execute(TABLES.format(rows=rows))
    with receiver() as url:
        (home / "drt_project.yml").write_text("name: bench\nprofile: bench\n")
        (home / ".drt" / "profiles.yml").write_text(f"bench:\n  type: duckdb\n  database: {database}\n")
        (home / "syncs" / "people.yml").write_text(json.dumps(_drt_sync(url)))
        began = time.perf_counter()
        done = subprocess.run(
            [str(Path(python).with_name("drt")), "run"],
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            capture_output=True,
            text=True,
        )
        took = time.perf_counter() - began
        sent = requests_of(url)
    if done.returncode or not sent:
        raise SystemExit(f"drt-core did not run: {(done.stdout + done.stderr)[-400:]}")
    return took


def _drt_sync(url: str) -> dict[str, object]:
    """The sync in drt's words; what its template cannot write as JSON goes as text."""
    columns = (
        "* replace (cast(revenue as varchar) as revenue, cast(last_order_at as varchar) as last_order_at)"
    )
    return {
        "name": "people",
        "model": f"select {columns} from activation.people",
        "destination": {
            "type": "rest_api",
            "url": url,
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body_mode": "batch",
            "batch_template": "{{ rows | tojson }}",
            "max_records_per_request": 500,
        },
        "sync": {"mode": "full", "batch_size": 500, "rate_limit": {"requests_per_second": 1000000}},
    }


def limited(folder: Path, per_second: int) -> None:
    """Print which share of the rate of a limited destination is used."""
    rows = per_second * 500 * 30
    with receiver(per_second) as url, warehouse(folder, rows) as con:
        took = send(con, url, "r1", retry_seconds=120)
        sent = requests_of(url)
    print(
        f"limit {per_second} requests/s: {sent} requests in {took:.1f} s, {sent / took / per_second:.2f} of the limit",
        flush=True,
    )


def main() -> None:
    """Print one line per measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sent", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="diff,http,limit")
    parser.add_argument("--drt", help="python of a venv with drt-core")
    wanted = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="cdp-bench-") as folder:
        for one in wanted.only.split(","):
            if one == "diff":
                diff(Path(folder), wanted.rows, wanted.rounds)
            elif one == "http":
                http(Path(folder), wanted.sent, wanted.rounds, wanted.drt)
            else:
                limited(Path(folder), 10)


if __name__ == "__main__":
    main()
