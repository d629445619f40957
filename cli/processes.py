"""Processes of this machine. Imports nothing: who only looks at the lock must be quick."""

import os


def alive(pid: int) -> bool:
    """Whether a process with this number runs, as whichever user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
