"""Files made durable and swapped whole: what publish, compaction, backup and restore have in common."""

import os
import shutil
from pathlib import Path

from cli import warehouse
from pipelines.errors import CdpError


def sync(path: Path) -> None:
    """Make a file's bytes durable."""
    _fsync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    _fsync(path, os.O_RDONLY | os.O_DIRECTORY)


def swap(fresh: Path, target: Path) -> None:
    """Put a finished, synced database in place of another; readers keep the file they have open."""
    # A .wal of somebody who opened the old file for writing would make the new file unopenable.
    warehouse.wal_of(target).unlink(missing_ok=True)
    fresh.replace(target)
    sync_folder(target.parent)


def need(folder: Path, size: int, doing: str) -> None:
    """Ask for room before a byte is written. Raises CdpError when the disk has less than `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise CdpError(
            f"no space left for {doing}: it needs about {megabytes(size)}, {folder} has {megabytes(free)} free",
            hint=f"free space (`df -h {folder}`) and run again; nothing was changed",
        )


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:,.1f} MB"


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
