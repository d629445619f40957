"""One run at a time, and a dead run never in the way."""

import fcntl
import os
import re
import threading
import time
from pathlib import Path

import pytest

from cli import lock
from pipelines.errors import BusyError
from tests.ops_company import first_line, make_company, python

HOLD = """
import sys, time
from pathlib import Path
from cli.config import load_company
from cli.lock import run_lock
with run_lock(load_company(Path(sys.argv[1])), "run", "r1"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_run_leaves_at_once_and_says_who_works(tmp_path: Path) -> None:
    """A scheduler must see exit 5 quickly, and its owner whom to look for."""
    company = make_company(tmp_path)
    other = python(HOLD, company.config_path)
    try:
        assert first_line(other) == "held"
        started = time.perf_counter()
        with pytest.raises(BusyError) as caught, lock.run_lock(company, "run", "r2"):
            pass
        seconds = time.perf_counter() - started
    finally:
        other.kill()
        other.wait()

    assert seconds < 2
    assert caught.value.exit_code == 5
    assert f"process {other.pid}, started 20" in str(caught.value)
    assert re.search(r"started \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", str(caught.value))


def test_a_killed_run_frees_the_lock(tmp_path: Path) -> None:
    """SIGKILL leaves the note in the file behind; the lock itself must be gone."""
    company = make_company(tmp_path)
    other = python(HOLD, company.config_path)
    assert first_line(other) == "held"
    other.kill()
    other.wait()

    with lock.run_lock(company, "run", "r2") as mine:
        assert mine.pid == os.getpid()
        assert lock.holder(company) == mine


def test_the_file_survives_the_run_and_names_nobody(tmp_path: Path) -> None:
    """Deleting a lock file lets two processes lock two files of one name."""
    company = make_company(tmp_path)
    with lock.run_lock(company, "run", "r1"):
        inode = lock.path_of(company).stat().st_ino
    with lock.run_lock(company, "run", "r2"):
        again = lock.path_of(company).stat().st_ino

    assert again == inode
    assert lock.holder(company) is None
    assert lock.path_of(company).stat().st_mode & 0o777 == 0o600


def test_a_pid_that_was_given_to_another_program_holds_nothing(tmp_path: Path) -> None:
    """Pids are reused: the note alone proves nothing."""
    company = make_company(tmp_path)
    with lock.run_lock(company, "run", "r1"):
        note = lock.path_of(company).read_text()
    lock.path_of(company).write_text(note)

    assert lock.holder(company) is None


def test_a_status_look_does_not_turn_a_run_away(tmp_path: Path) -> None:
    """`cdp status` probes the lock for a moment; a run that starts then must still get it."""
    company = make_company(tmp_path)
    with lock.run_lock(company, "run", "r1"):
        pass
    probe = os.open(lock.path_of(company), os.O_RDONLY)
    fcntl.flock(probe, fcntl.LOCK_SH)
    threading.Timer(0.25, os.close, [probe]).start()

    with lock.run_lock(company, "run", "r2") as mine:
        assert mine.run_id == "r2"
