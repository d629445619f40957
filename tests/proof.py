"""The heavy proofs at full size: `make proof`, written to docs/proofs.md with commit, date and what was counted.

Each proof is a pytest call with CDP_PROOF=1 (the tests read their sizes from it). `python -m tests.proof NAME ...` runs some
of them and keeps the other lines of the page.
"""

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tests import fail_points

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "proofs.md"
# What proofs write themselves: no change of what they prove.
WRITTEN = ("docs/proofs.md", "docs/fail_points.md", "docs/dashboard.png")
HEAD = """# Proofs at full size

Written by `make proof`; one line per proof, each with the commit and machine it ran on. `make test` runs the same tests small.

| proof | what | tests | outcome | minutes | commit | date (UTC) | DuckDB |
|---|---|---|---|---|---|---|---|
"""
PROOFS = {
    "fail-points": (
        "every registered fail point: kill, raise, full disk; the command again heals (docs/fail_points.md)",
        ["tests/faults/test_run_kills.py", "tests/faults/test_command_kills.py", "-k", "durable"],
        None,
    ),
    "run-kills": (
        "100 SIGKILLs at random moments of `cdp run` (seed 20260630); the next run ends as an undisturbed one",
        ["tests/faults/test_run_kills.py", "-k", "random"],
        None,
    ),
    "histories": (
        "30 random histories of deliveries (again, changed, new; two to five each): every mart equals a full refresh; a day, "
        "45 and 200 days later only columns that are named move; the ten planted effects in a company of 5,000 people",
        ["tests/integration/test_run_laws.py", "-k", "any_history or later or planted_effect"],
        None,
    ),
    "export-kills": (
        "200 SIGKILLs of a 10,000-row send over HTTP and 60 to a file; final state equals the model",
        ["tests/faults/test_export_kills.py"],
        None,
    ),
    "export-histories": (
        "10,000 random consent histories over six days: nothing sent without a basis, every withdrawal arrives; and 400 random "
        "sequences of answers, silence, kills and changes for each of three modes end in the desired state",
        ["tests/integration/test_exports_histories.py", "tests/integration/test_exports_machine.py"],
        None,
    ),
    "wire-scan": (
        "100,000 people onto and off the lists of each of two ad platforms: no address, phone or name in any byte sent",
        ["tests/integration/test_destination_ads.py", "-k", "raw"],
        None,
    ),
    "load-kills": (
        "60 SIGKILLs at random moments of `cdp load` over files, a database and an API; raw equals an undisturbed load's",
        ["tests/faults/test_load_kills.py"],
        None,
    ),
    "soak": (
        "30 minutes of runs back to back under four kinds of readers: no lock error, no torn read, news within 5 s",
        ["tests/faults/test_soak_and_chaos.py", "-k", "readers"],
        None,
    ),
    "chaos": (
        "200 runs with kills, overlaps, full disks, jumps of the clock: no repair by hand, size and memory bounded",
        ["tests/faults/test_soak_and_chaos.py", "-k", "needs_no_repair"],
        None,
    ),
    "full-disk": (
        "`cdp run` on a tmpfs that is full at five different moments: a clean error, the old file, the next run heals",
        ["tests/faults/test_soak_and_chaos.py", "-k", "full_disk"],
        None,
    ),
    "operations": (
        "200 rewrites of tables and the size of the warehouse; 100 flipped bits in its blocks",
        ["tests/unit/test_compaction.py", "tests/unit/test_backup.py"],
        None,
    ),
    "mutations": (
        "500 mutated inputs (csv, JSON lines, API answers, cdp.yml): no traceback, every row accounted for, honest exit codes",
        ["tests/faults/test_mutated_inputs.py"],
        None,
    ),
    "junk": (
        "100,000 contacts that share one mailbox and 100,000 that share one telephone: nobody merges, the time stays linear",
        ["tests/integration/test_identity_junk.py"],
        None,
    ),
    "properties": (
        "all unit tests; the property tests among them draw examples that `make test` does not",
        ["tests/unit"],
        None,
    ),
    "dashboard": (
        "Superset installed, the dashboard imported and opened in Chromium: every chart filled; the picture of the docs taken",
        ["tests/integration/test_dashboard.py"],
        None,
    ),
    "duckdb-2": (
        "all integration tests on DuckDB 2.0 (Superset's driver is of the 1.x line)",
        ["tests/integration", "--ignore=tests/integration/test_dashboard.py"],
        "2.0.0",
    ),
}


def prove(name: str) -> tuple[str, bool]:
    """Run one proof; its line of the page, and whether it held."""
    what, arguments, version = PROOFS[name]
    notes = Path(tempfile.mkdtemp()) / "fail_points.jsonl"
    env = os.environ | {"CDP_PROOF": "1", "CDP_FAIL_POINTS": str(notes)}
    if version:
        from tests.clients import client

        env["PYTHONPATH"] = str(client(version))
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--timeout=10800", *arguments],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    print(done.stdout[-3000:], flush=True)
    if notes.is_file():
        fail_points.write(notes)
    counted = re.findall(r"(\d+) (passed|failed|errors?)", done.stdout)
    total = sum(int(number) for number, _ in counted)
    outcome = "held" if done.returncode == 0 else "BROKEN"
    minutes = f"{(time.monotonic() - started) / 60:.1f}"
    changed = _git("status", "--porcelain", "-uno", *(f":!{path}" for path in WRITTEN))
    commit = _git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    date = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    cells = [name, what, str(total), outcome, minutes, commit, date, version or duckdb.__version__]
    return f"| {' | '.join(cells)} |", done.returncode == 0


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def main() -> None:
    """Run the proofs named (default: all) and write the page."""
    wanted = sys.argv[1:] or list(PROOFS)
    lines: dict[str, str] = {}
    remarks = ""
    if PAGE.is_file():
        before = PAGE.read_text(encoding="utf-8")
        for line in before.splitlines():
            if (name := line.strip("| ").split(" ")[0]) in PROOFS:
                lines[name] = line
        # What stands below the machine was written by hand.
        remarks = before.partition("\nMachine:")[2].partition("\n")[2]
    held = True
    for name in wanted:
        print(f"== {name}: {PROOFS[name][0]}", flush=True)
        lines[name], good = prove(name)
        held = held and good
        machine = (
            f"\nMachine: {os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}.\n"
        )
        PAGE.write_text(
            HEAD + "\n".join(lines[n] for n in PROOFS if n in lines) + "\n" + machine + remarks,
            encoding="utf-8",
        )
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
