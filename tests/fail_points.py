"""`docs/fail_points.md`, written from what the battery did: how often each point failed in which way, and whether all was healed.

The tests note each failure and each healing in the file that `CDP_FAIL_POINTS` names; `make proof` (fail-points) turns the notes
into the page. A point that a proof did not touch keeps its line, with the commit that it was proved at.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pipelines.failpoints import OTHER_COMMANDS, POINTS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "fail_points.md"
HOWS = ("kill", "raise", "enospc")
UNPROVED = "not yet proved in this form"
HEAD = """# Fail points

Written by `make proof` (`python -m tests.proof fail-points`), each line by the proof that it names. Every durable step has a
named point before or after it. The battery fails there in three ways: SIGKILL, an exception, a full disk (`ENOSPC`), each in
a company of its own, and gives the command again, undisturbed. *Held*: that ends as if nothing had happened. For `cdp run`:
every mart row for row, acknowledged deliveries, files sent, conservation of rows, no run left open, no file left behind
(`tests/faults/test_run_kills.py`); for the other commands the published file, the backup or the restored warehouse
(`tests/faults/test_command_kills.py`). `make test` does the same with kills only, several in a row.

By hand: `CDP_FAIL_AT=<point>[:n]` and `CDP_FAIL_HOW=kill|raise|enospc` before any command.

| point | state there | command | kills | exceptions | full disks | outcome | commit | date (UTC) |
|---|---|---|---|---|---|---|---|---|
"""
COMMANDS = {
    "publish.rollback": "publish --rollback",
    "backup.written": "backup",
    "restore.unpacked": "restore",
    "restore.state": "restore",
}


def note(event: Literal["failed", "healed"], point: str, how: str) -> None:
    """Write down what has just happened, when somebody asked for it."""
    if path := os.environ.get("CDP_FAIL_POINTS"):
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(json.dumps([event, point, how]) + "\n")


def page(notes: Path, before: str, commit: str, date: str) -> str:
    """The page after a proof: `notes` of what it did, `before` the page as it was."""
    lines = [] if not notes.is_file() else notes.read_text(encoding="utf-8").splitlines()
    counted: Counter[tuple[str, str, str]] = Counter(tuple(json.loads(line)) for line in lines)
    kept = {found[1]: line for line in before.splitlines() if (found := re.match(r"\| `([\w.]+)` \|", line))}
    return HEAD + "\n".join(_row(point, counted, kept.get(point), commit, date) for point in POINTS) + "\n"


def _row(point: str, counted: Counter[tuple[str, str, str]], kept: str | None, commit: str, date: str) -> str:
    failures = [counted["failed", point, how] for how in HOWS]
    if not any(failures) and kept is not None:
        # proved before; what the point is called in words may have changed since
        cells = [cell.strip() for cell in kept.strip("|").split("|")]
        return f"| {' | '.join([cells[0], POINTS[point], *cells[2:]])} |"
    healed = sum(counted["healed", point, how] for how in HOWS)
    outcome = UNPROVED if not any(failures) else "held" if healed == sum(failures) else "BROKEN"
    told = [commit, date] if any(failures) else ["", ""]
    command = COMMANDS[point] if point in OTHER_COMMANDS else "run"
    cells = [f"`{point}`", POINTS[point], f"`cdp {command}`", *map(str, failures), outcome, *told]
    return f"| {' | '.join(cells)} |"


def write(notes: Path) -> None:
    """Bring the page up to date."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    before = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    PAGE.write_text(page(notes, before, commit, f"{datetime.now(UTC):%Y-%m-%d}"), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
