"""The run lock, asked for before typer is imported: of ten runs started at once nine leave without having cost anything.

Only for command lines that are understood whole; every other one goes to typer, and takes its lock later.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cli import lock

# Commands that hold the lock from beginning to end, and the options they may have beside --config.
LOCKING = ("run", "load", "build", "validate", "publish")
FLAGS = ("--full-refresh", "--json")


@contextmanager
def claimed(arguments: Sequence[str]) -> Iterator[None]:
    """Hold the lock that this command line will need. Raises BusyError (exit 5) when another process has it."""
    config = config_of(arguments)
    if config is None:
        yield
        return
    lock.claim(config, arguments[0])
    try:
        yield
    finally:
        lock.release(config)


def config_of(arguments: Sequence[str]) -> Path | None:
    """The cdp.yml of a command line that needs the lock; None for any other one, and where it is not plain."""
    if not arguments or arguments[0] not in LOCKING:
        return None
    named = os.environ.get("CDP_CONFIG") or "cdp.yml"
    rest = list(arguments[1:])
    while rest:
        word = rest.pop(0)
        if word == "--config" and rest:
            named = rest.pop(0)
        elif word.startswith("--config="):
            named = word.removeprefix("--config=")
        elif word not in FLAGS:
            return None
    return Path(named)
