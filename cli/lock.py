"""One run at a time per company: an flock on `.cdp/run.lock`, with a note inside saying who holds it.

The kernel drops the lock when the process dies, however it dies: there is nothing to clean up after.
The file is never deleted: two processes could then hold locks on two files of the same name.

`claim` takes the lock before anything else is imported or read: of ten runs started at once nine must leave in a moment, and
reading the configuration alone costs half a second. So this module imports nothing of weight.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cli.processes import alive
from pipelines.errors import BusyError

if TYPE_CHECKING:
    from cli.config import Company

# A status command looks at the lock for a moment: not a reason to turn a run away.
_TRIES, _PAUSE_SECONDS = 5, 0.1
# Locks that `claim` has taken for the `run_lock` to come.
_claimed: dict[Path, int] = {}


@dataclass(frozen=True)
class Holder:
    """Who holds the run lock."""

    pid: int
    started_at: str
    command: str
    run_id: str


@contextmanager
def run_lock(company: "Company", command: str, run_id: str) -> Iterator[Holder]:
    """Hold the company's run lock for the length of the block.

    Raises BusyError (exit 5) within a second when another process holds it, naming its pid and start.
    """
    path = path_of(company)
    handle = _claimed.pop(path, None)
    try:
        handle = _open(path) if handle is None else handle
        _take(handle, path)
        mine = Holder(os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), command, run_id)
        _note(handle, json.dumps(asdict(mine)))
        yield mine
        _note(handle, "")
    finally:
        if handle is not None:
            os.close(handle)


def claim(config: Path, command: str) -> None:
    """Take the lock of the company of this cdp.yml, for the `run_lock` that follows in this process.

    Raises BusyError (exit 5) when another process holds it.
    """
    if not config.is_file():
        return
    path = config.resolve().parent / ".cdp" / "run.lock"
    if path in _claimed:
        return
    handle = _open(path)
    try:
        _take(handle, path)
        mine = Holder(os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), command, "")
        _note(handle, json.dumps(asdict(mine)))
    except BaseException:
        os.close(handle)
        raise
    _claimed[path] = handle


def release(config: Path) -> None:
    """Give back what `claim` took, when nothing came of it."""
    handle = _claimed.pop(config.resolve().parent / ".cdp" / "run.lock", None)
    if handle is not None:
        _note(handle, "")
        os.close(handle)


def holder(company: "Company") -> Holder | None:
    """Who holds the lock now; None when nobody does."""
    path = path_of(company)
    noted = _read(path)
    if noted is None or not alive(noted.pid):
        return None
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return noted
    finally:
        os.close(handle)
    return None  # the pid was given to another program since


def refuse_if_held(company: "Company") -> None:
    """Leave at once when another run is active; `run_lock` decides again. Raises BusyError (exit 5)."""
    noted = holder(company)
    if noted is not None:
        raise _busy(noted)


def path_of(company: "Company") -> Path:
    """The lock file."""
    return company.dot / "run.lock"


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        from cli.warehouse import translate

        raise translate(error, path) from error


def _take(handle: int, path: Path) -> None:
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            noted = _read(path)
            if noted is not None and alive(noted.pid):
                raise _busy(noted) from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    raise BusyError(
        f"another process holds {path}", hint=f"`fuser {path}` shows which one; wait until it ends"
    )


def _busy(noted: Holder) -> BusyError:
    return BusyError(
        f"another run is active: `cdp {noted.command}`, process {noted.pid}, started {noted.started_at}",
        hint=f"wait until it ends (`cdp status`), or stop it: `kill {noted.pid}`; the next run takes over",
    )


def _note(handle: int, text: str) -> None:
    # A reader in between finds no valid note, and looks again (`_take`).
    os.pwrite(handle, text.encode(), 0)
    os.ftruncate(handle, len(text.encode()))


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
