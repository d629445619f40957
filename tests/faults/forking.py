"""The test's side of `forker`: a process that forks trials, and a function that asks it for one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Trial = Callable[..., dict[str, Any]]


@contextmanager
def forking() -> Iterator[Trial]:
    """Start the forker; yields `trial(company folder, env, kill_after, command)` -> {"signal", "code"}."""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.forker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        while (line := stdout.readline().strip()) != "ready":
            assert line, "the forker died before it was ready"

        def run(
            company: Path,
            env: dict[str, str] | None = None,
            kill_after: float | None = None,
            command: str = "run",
        ) -> dict[str, Any]:
            wanted = {
                "config": str(company / "cdp.yml"),
                "env": env or {},
                "kill_after": kill_after,
                "command": command,
                "log": str(company.parent / f"{company.name}.log"),
            }
            stdin.write(json.dumps(wanted) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

        yield run
        stdin.close()
