"""Named points before and after every durable step, where tests kill, raise or fill the disk.

`CDP_FAIL_AT=<point>[:<n>]` acts at the n-th time the point is reached (default 1), in the manner of
`CDP_FAIL_HOW`: `kill` (SIGKILL, the default), `raise`, or `enospc` (the error of a full disk).
Unset, a point costs one dictionary lookup.
"""

import errno
import os
import signal
from collections import Counter

POINTS: dict[str, str] = {
    "load.before_extract": "files are listed, nothing is read yet",
    "load.extracted": "rows and counts are in a dlt package on disk",
    "load.loaded": "the package is in raw, dlt has booked it",
    "build.before_dbt": "loads are complete, dbt has not started",
    "build.scored": "probable links are scored, who they connect is not known",
    "build.judged": "weak links are cut, people and marts are as they were",
    "build.before_mark": "all models are built, loads are not marked",
    "build.marked": "loads are marked, touched is cleared",
    "validate.done": "checks are stored",
    "publish.copied": "the new file is written, not yet swapped",
    "publish.kept": "what is published now is kept as a version too, nothing is swapped",
    "publish.swapped": "the published file is the new one",
    "publish.rollback": "a kept version lies beside the published file, not yet swapped",
    "export.pending": "operations are in the outbox, nothing is sent",
    "export.sent": "the destination has answered, nobody has written it down yet",
    "export.acked": "the answer is written down",
    "compact.copied": "the warehouse is rewritten into a fresh file, verified and durable, not yet swapped",
    "compact.swapped": "the warehouse is the fresh file, the rewrite is not booked",
    "backup.written": "the backup is whole and durable under another name",
    "restore.unpacked": "the restored warehouse lies beside the present one, everything is verified",
    "restore.state": "the loading state is the restored one, the warehouse is not",
    "run.finish": "all stages are done, the run is not closed",
}

# Points of commands other than `cdp run`; every other one is passed by a run.
OTHER_COMMANDS = ("publish.rollback", "backup.written", "restore.unpacked", "restore.state")

_reached: Counter[str] = Counter()


class FailPointError(RuntimeError):
    """Raised at a point by `CDP_FAIL_HOW=raise`."""


def reach(point: str) -> None:
    """Pass a named point; fail there if the environment asks for it.

    Raises: KeyError for a point that is not registered; FailPointError or OSError when asked for.
    """
    if point not in POINTS:
        raise KeyError(f"fail point {point!r} is not registered in POINTS")
    wanted = os.environ.get("CDP_FAIL_AT")
    if not wanted:
        return
    name, _, count = wanted.partition(":")
    if name != point:
        return
    _reached[point] += 1
    if _reached[point] != int(count or 1):
        return
    how = os.environ.get("CDP_FAIL_HOW", "kill")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "enospc":
        raise OSError(errno.ENOSPC, "no space left on device (fail point)", point)
    raise FailPointError(point)
