"""Weeks of nights in minutes: runs back to back under readers of four kinds, and runs that are killed, overlapped and starved.

Every round is a whole `cdp run`, forked. At full size (`make proof`) the soak lasts 30 minutes, chaos 200 runs and five disks are
full; `make test` does it for three minutes, ten runs and one disk.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from cli import compact, lock, verify
from cli.config import load_company
from pipelines.failpoints import OTHER_COMMANDS, POINTS
from tests import laws
from tests.clients import packages
from tests.faults.forking import Trial, forking
from tests.ops_company import python

FULL = bool(os.environ.get("CDP_PROOF"))
SOAK_SECONDS = float(os.environ.get("CDP_SOAK_SECONDS", "1800" if FULL else "180"))
CHAOS_RUNS = 200 if FULL else 10
# Room that is left on the disk, in KiB: at which stage it is full.
ROOMS = [200, 1_000, 4_000, 8_000, 16_000] if FULL else [1_000]
SEED = 20260630
SETTINGS = {
    "clock": {"as_of": "2026-06-30T00:00:00Z"},
    "identity": {"salt": "s", "fuzzy": {"enabled": False}},
    "warehouse": {"compact_bytes": 0},
    "sources": [
        {
            "name": "crm", "connector": "files",
            "tables": [
                {
                    "name": "contacts", "entity": "contact", "path": "data/*.csv", "key": ["id"],
                    "columns": {"email": "email", "user_id": "id"},
                }
            ],
        }
    ],
}  # fmt: skip

# Each prints one JSON line per look: [customers, customers that ops.published promises], or the error; until stdin ends.
LOOP = """
import json, select, sys, time
while not select.select([sys.stdin], [], [], 0.05)[0]:
    try:
        print(json.dumps(look()), flush=True)
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
"""
SQL = (
    "select (select count(*) from marts.customer_360),"
    " (select arg_max(row_count, published_at) from ops.published"
    " where table_name = 'marts.customer_360' and file = 'marts.duckdb')"
)
SHORT = f"""
import duckdb, sys
def look():
    with duckdb.connect(sys.argv[1], read_only=True) as con:
        return con.execute("{SQL}").fetchone()
{LOOP}"""
# A handle that is held for a second, as a dashboard's pool does.
LONG = f"""
import duckdb, sys, time
held, since = None, 0.0
def look():
    global held, since
    if held is None or time.monotonic() - since > 1:
        if held is not None:
            held.close()
        held, since = duckdb.connect(sys.argv[1], read_only=True), time.monotonic()
    return held.execute("{SQL}").fetchone()
{LOOP}"""
ALCHEMY = f"""
import sys
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
engine = create_engine(f"duckdb:///{{sys.argv[1]}}", connect_args={{"read_only": True}}, poolclass=NullPool)
def look():
    with engine.connect() as con:
        return list(con.execute(text("{SQL}")).fetchone())
{LOOP}"""
CLI = f"""
import json, subprocess, sys
def look():
    done = subprocess.run([sys.argv[2], "-readonly", "-json", sys.argv[1], "{SQL}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)[0].values())
{LOOP}"""


def readers(file: Path) -> dict[str, "subprocess.Popen[str]"]:
    """Four kinds, each a process of its own."""
    alchemy, cli = str(packages("duckdb-sqlalchemy")), packages("duckdb-cli")
    return {
        "short": python(SHORT, file),
        "long": python(LONG, file),
        "sqlalchemy": python(ALCHEMY, file, PYTHONPATH=alchemy),
        "cli": python(CLI, file, cli / "bin" / "duckdb", PYTHONPATH=str(cli)),
    }


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """A process that forks runs."""
    with forking() as run:
        yield run


def deliver(root: Path, number: int, people: int) -> None:
    """One more file, of so many new people."""
    lines = [f"{number}-{n},p{number}.{n}@mail.example" for n in range(people)]
    (root / "data" / f"{number:04d}.csv").write_text("\n".join(["id,email", *lines]) + "\n")


def new_company(root: Path) -> Path:
    """A company with one delivery."""
    (root / "data").mkdir(parents=True)
    (root / "cdp.yml").write_text(yaml.safe_dump(SETTINGS, sort_keys=False))
    deliver(root, 0, 20)
    return root


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, trial: Trial) -> tuple[Path, float]:
    """A company after its first run, and the seconds that took."""
    root = new_company(tmp_path_factory.mktemp("first") / "acme")
    clock = time.monotonic()
    assert trial(root)["code"] == 0
    return root, time.monotonic() - clock


def customers(root: Path) -> int:
    """As a new reader sees it."""
    with duckdb.connect(str(root / "warehouse" / "marts.duckdb"), read_only=True) as con:
        row = con.execute("select count(*) from marts.customer_360").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.timeout(7200)
def test_readers_never_wait_and_never_see_half(
    tmp_path: Path, trial: Trial, first: tuple[Path, float]
) -> None:
    """No lock error on either side, no torn read, and what a run brought is there when it has ended."""
    root, expected, late = laws.copy_company(first[0], tmp_path / "acme"), 20, []
    running = readers(root / "warehouse" / "marts.duckdb")
    end, rounds = time.monotonic() + SOAK_SECONDS, 0
    while time.monotonic() < end or rounds < 3:
        rounds += 1
        deliver(root, rounds, 5)
        assert trial(root)["code"] == 0, (tmp_path / "acme.log").read_text()[-2000:]
        expected += 5
        ended = time.monotonic()
        while customers(root) != expected and time.monotonic() < ended + 5:
            time.sleep(0.1)
        if customers(root) != expected:
            late.append(rounds)
    looks = {name: looked(process) for name, process in running.items()}

    assert late == []
    for name, seen in looks.items():
        assert len(seen) >= 3, name
        errors = [one for one in seen if isinstance(one, str)]
        assert errors == [], name
        assert [one for one in seen if one[0] != one[1]] == [], name
        counts = [one[0] for one in seen]
        assert counts == sorted(counts), name
    print(f"soak: {rounds} rounds, looks { ({name: len(seen) for name, seen in looks.items()}) }")


def looked(process: "subprocess.Popen[str]") -> list[list[int] | str]:
    """End a reader; what it saw."""
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.timeout(36000)
def test_chaos_needs_no_repair(tmp_path: Path, trial: Trial, first: tuple[Path, float]) -> None:
    """Kills at random moments and at fail points, full disks, overlaps, a clock that jumps: then one run, and all is well."""
    rng = random.Random(SEED)
    root, people, seconds = laws.copy_company(first[0], tmp_path / "acme"), 20, first[1]
    points = [point for point in POINTS if point not in OTHER_COMMANDS and not point.startswith("export")]
    for number in range(1, CHAOS_RUNS + 1):
        deliver(root, number, 3)
        people += 3
        chaos = ("calm", "enospc", "clock", "overlap", "kill", "point")[number % 6]
        if chaos == "kill":
            trial(root, kill_after=rng.random() * seconds)
        elif chaos in ("point", "enospc"):
            how = "kill" if chaos == "point" else "enospc"
            trial(root, {"CDP_FAIL_AT": rng.choice(points), "CDP_FAIL_HOW": how})
        elif chaos == "overlap":
            with lock.run_lock(load_company(root / "cdp.yml"), "run", "other"):
                assert trial(root)["code"] == 5
        elif chaos == "clock":
            day = rng.choice(("2026-06-29", "2026-07-01", "2026-06-30"))
            settings = SETTINGS | {"clock": {"as_of": f"{day}T00:00:00Z"}}
            (root / "cdp.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
            assert trial(root)["code"] == 0
        else:
            assert trial(root)["code"] == 0
    assert trial(root)["code"] == 0, (tmp_path / "acme.log").read_text()[-2000:]
    company = load_company(root / "cdp.yml")
    size = company.warehouse.stat().st_size
    fresh = tmp_path / "fresh.duckdb"
    compact.copy(company, fresh)

    assert customers(root) == people
    assert [one for damaged in verify.check(company).values() for one in damaged] == []
    assert sorted(path.name for path in company.warehouse.parent.iterdir()) == ["cdp.duckdb", "marts.duckdb"]
    assert size <= 1.3 * fresh.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"chaos: {CHAOS_RUNS} runs, {size / 1e6:.0f} MB, peak of one process {peak} MiB")


COUNT = (
    "import duckdb, sys; con = duckdb.connect(sys.argv[2], read_only=True);"
    " print(sys.argv[1], con.execute('select count(*) from marts.customer_360').fetchone()[0])"
)
FULL_DISK = """
set -e
mount -t tmpfs -o size={size}k tmpfs {place}
cp -a {company}/. {place}/
export PYTHONPATH={project}
set +e
{python} -m tests.quick_cdp run --config {place}/cdp.yml > {out} 2>&1
echo code $? >> {out}
set -e
{python} -c "{count}" old {place}/warehouse/marts.duckdb >> {out}
mount -o remount,size=2g {place}
{python} -m tests.quick_cdp run --config {place}/cdp.yml >> {out} 2>&1
{python} -c "{count}" new {place}/warehouse/marts.duckdb >> {out}
"""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("room", ROOMS)
def test_a_really_full_disk(tmp_path: Path, first: tuple[Path, float], room: int) -> None:
    """A tmpfs that is full at some stage: one clean line, the published file as it was, and the next run heals."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode or not shutil.which(
        "mount"
    ):
        pytest.skip("no mounts of our own here")
    root = laws.copy_company(first[0], tmp_path / "acme")
    deliver(root, 1, 20_000)
    used = sum(path.lstat().st_blocks for path in root.rglob("*")) // 2
    out, place = tmp_path / "out.txt", tmp_path / "disk"
    place.mkdir()
    script = FULL_DISK.format(
        size=used + room,
        place=place,
        company=root,
        project=Path.cwd(),
        python=sys.executable,
        out=out,
        count=COUNT,
    )
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True)
    told = out.read_text()

    assert done.returncode == 0, done.stderr + told
    assert "code 1" in told, told
    assert "Traceback" not in told
    assert "no space left" in told or "space" in told
    assert "old 20\n" in told
    assert "new 20020\n" in told
