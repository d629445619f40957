"""What operations cost: `python -m benchmarks.operations [--people 600]`. docs/operations.md quotes it.

Increments: what replacing rows costs with and without the vacuum of DuckDB's checkpoints (`--only increments`).
Room: the warehouse of the simulated company after a cold run and two full builds with nothing new, by dbt's checkpoint
threshold, against a fresh copy of the same tables; and its backup. Readiness: ten `cdp run` at once, `cdp --help` against
the import of typer. Each process by itself; ratios are of one run of this program.
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
from statistics import median

import duckdb

from benchmarks.demo import timed
from cli import backup, compact
from cli.config import Company, load_company

ROOT = Path(__file__).resolve().parent.parent
THRESHOLDS = ("16MB", "1MB")
SETTING = "checkpoint_threshold: 1MB"
BUILDS = 2
REPEATS = 5
AT_ONCE = 10
ROWS = 2_000_000
INCREMENTS = 8


@dataclass(frozen=True)
class Ended:
    """One of several processes: exit code, wall seconds since the first was started, seconds of CPU."""

    code: int
    wall: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--only", choices=["increments"])
    given = parser.parse_args()
    people = given.people
    with tempfile.TemporaryDirectory() as folder:
        _increments(Path(folder))
    if given.only:
        return
    _help()
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        timed([sys.executable, "-m", "demo.generate", "--people", str(people), "--out", str(demo)])
        _room(demo, Path(folder))
        _at_once(demo)


def _help() -> None:
    bare = median(timed([sys.executable, "-c", "import typer"])[0] for _ in range(REPEATS))
    told = median(timed([sys.executable, "-m", "cli.main", "--help"])[0] for _ in range(REPEATS))
    print(f"import typer {bare:.3f} s, cdp --help {told:.3f} s: {told / bare:.2f} times", flush=True)


def _increments(folder: Path) -> None:
    """A table of which increments replace an eighth each, with and without the vacuum of DuckDB's checkpoints."""
    for what, setting in (("with", None), ("without", "set max_vacuum_tasks = 0")):
        with duckdb.connect(str(folder / f"{what}.duckdb")) as con:
            con.execute(
                "set threads = 1; set preserve_insertion_order = false; set checkpoint_threshold = '1MB'"
            )
            if setting:
                con.execute(setting)
            con.execute(
                f"create table held as select range as id, md5(cast(range as varchar)) as text from range({ROWS})"
            )
            con.execute("checkpoint")
            full, began = (folder / f"{what}.duckdb").stat().st_size, time.process_time()
            for number in range(INCREMENTS):
                con.execute(
                    f"create or replace temp table news as select * from held where id % 8 = {number}"
                )
                con.execute("begin; delete from held where id in (select id from news)")
                con.execute("insert into held select * from news; commit; checkpoint")
            spent = time.process_time() - began
            size = (folder / f"{what}.duckdb").stat().st_size
        print(
            f"{INCREMENTS} increments of an eighth of {ROWS:,} rows, {what} vacuum: {spent:.1f} CPU s,"
            f" {full / 1e6:.0f} MB -> {size / 1e6:.0f} MB",
            flush=True,
        )


def _room(demo: Path, folder: Path) -> None:
    """The size of the warehouse by threshold, of a fresh copy, and of a backup."""
    sizes = {}
    for threshold in THRESHOLDS:
        company = _company(demo, folder / threshold, threshold)
        _cdp("run", company)
        seconds = []
        for _ in range(BUILDS):
            # every table once more, as a night with a new rule does; no rewrite of the file in between
            began = time.perf_counter()
            _cdp("build", company, "--full-refresh")
            seconds.append(time.perf_counter() - began)
        sizes[threshold] = company.warehouse.stat().st_size
        print(
            f"checkpoint_threshold {threshold:>4}: {sizes[threshold] / 1e6:6.1f} MB after {BUILDS} full builds"
            f" ({median(seconds):.1f} s each)",
            flush=True,
        )
    fresh = folder / "fresh.duckdb"
    compact.copy(company, fresh)
    kept = backup.back_up(company, folder / "backups", "r1")
    size = fresh.stat().st_size
    print(
        f"fresh copy {size / 1e6:.1f} MB; backup {kept.size / 1e6:.1f} MB ({kept.size / size:.0%} of it)",
        flush=True,
    )


def _company(demo: Path, folder: Path, threshold: str) -> Company:
    """The company in a folder of its own, with a profile of this threshold, and never rewritten."""
    shutil.copytree(demo, folder)
    text = (folder / "cdp.yml").read_text(encoding="utf-8")
    (folder / "cdp.yml").write_text(
        text.replace("warehouse:\n", "warehouse:\n  compact_bytes: 900000000000\n", 1)
    )
    profiles = (ROOT / "profiles.yml").read_text(encoding="utf-8")
    assert SETTING in profiles
    (folder / "profile").mkdir()
    (folder / "profile" / "profiles.yml").write_text(
        profiles.replace(SETTING, f"checkpoint_threshold: {threshold}"), encoding="utf-8"
    )
    return load_company(folder / "cdp.yml")


def _cdp(command: str, company: Company, *more: str) -> None:
    """A command with the profile of this company: `cli.dbt` is told where it lies."""
    code = (
        "import sys\nfrom cli import dbt\nreal = dbt.environment\n"
        "dbt.environment = lambda company: real(company) | {'DBT_PROFILES_DIR': str(company.root / 'profile')}\n"
        "from cli.main import main\nmain()\n"
    )
    timed([sys.executable, "-c", code, command, "--config", str(company.config_path), *more])


def _at_once(demo: Path) -> None:
    """Ten runs of one company; nine must leave with 5."""
    command = [sys.executable, "-m", "cli.main", "run", "--config", str(demo / "cdp.yml")]
    began = time.monotonic()
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(AT_ONCE)
    ]
    ended: list[Ended] = []
    while len(ended) < AT_ONCE:
        pid, status, usage = os.wait4(-1, 0)
        process = next(one for one in running if one.pid == pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.append(Ended(process.returncode, time.monotonic() - began, usage.ru_utime + usage.ru_stime))
    busy = [one for one in ended if one.code == 5]
    print(
        f"{AT_ONCE} runs at once: {len(busy)} left with 5, the last after {max(one.wall for one in busy):.2f} s,"
        f" {max(one.cpu for one in busy):.2f} s of CPU each at most; one worked",
        flush=True,
    )


if __name__ == "__main__":
    main()
