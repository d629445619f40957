"""Run the commands that a page shows and print what they say into it: `python -m benchmarks.walk docs/identity.md`.

A block whose first line begins with `$ ` is walked, all blocks of the page in their order, each line with `$ ` a command. They
run in a copy of the checkout, so the simulated company of the page is its own and nothing here is touched. Only stdout is
shown. Ids of runs are moments, so they differ each time.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PARTIAL = 4  # `cdp run`: a guard held a sync, the others went
ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```\n(\$ .*?)```\n", re.S)


def renewed(text: str, run: Callable[[str], str]) -> str:
    """The page with what its commands say today."""

    def again(found: re.Match[str]) -> str:
        commands = [line[2:] for line in found[1].splitlines() if line.startswith("$ ")]
        told = [f"$ {command}\n{run(command)}".rstrip("\n") for command in commands]
        return "```\n" + "\n\n".join(told) + "\n```\n"

    return BLOCK.sub(again, text)


def copy_checkout(folder: Path) -> None:
    """What git knows of here, changes included, without what it ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        target = folder / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def runner(folder: Path) -> Callable[[str], str]:
    """Runs a command line in the copy; `python` and `cdp` are those of this process. Raises when it fails."""
    programs = folder / ".walk"
    programs.mkdir()
    for name, call in (("python", ""), ("cdp", "-m cli.main ")):
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {call}"$@"\n', encoding="utf-8")
        path.chmod(0o755)
    env = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "CDP_AUTHOR": "docs",
    }

    def run(command: str) -> str:
        print(f"$ {command}", file=sys.stderr)
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", command],
            cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode not in (0, PARTIAL):
            raise SystemExit(f"exit code {done.returncode}: {command}")
        return done.stdout

    return run


def main() -> None:
    """Walk the pages named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path)
    for page in parser.parse_args().pages:
        with tempfile.TemporaryDirectory(prefix="cdp-walk-") as temp:
            copy_checkout(Path(temp))
            page.write_text(renewed(page.read_text(encoding="utf-8"), runner(Path(temp))), encoding="utf-8")


if __name__ == "__main__":
    main()
