"""What an export did, as values that print as JSON, and the exit code that follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["planned", "sent", "unchanged", "partial", "blocked", "failed", "interrupted"]


@dataclass(frozen=True)
class SyncResult:
    """One sync of one run: what was planned, and what the destination answered.

    `owed`: removals that a guard does not hold back; of a sync that is blocked, the answers are theirs.
    """

    sync: str
    destination: str
    purpose: str
    mode: str
    status: Status
    reason: str | None
    source_rows: int
    added: int
    changed: int
    removed: int
    retried: int
    unchanged: int
    deferred: int
    excluded: int
    exclusions: Mapping[str, int]
    acked: int = 0
    rejected: int = 0
    unanswered: int = 0
    owed: int = 0
    forced: str | None = None


@dataclass(frozen=True)
class ExportResult:
    """All syncs of one run."""

    run_id: str
    syncs: Sequence[SyncResult]
    exit_code: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return asdict(self)


def exit_code(syncs: Sequence[SyncResult]) -> int:
    """3 when a guard held every sync that was due, 4 when part of the work failed or was not reached, else 0.

    A sync with nothing to send is not due; rows without a lawful basis are no failure.
    """
    blocked = [sync for sync in syncs if sync.status == "blocked"]
    due = [sync for sync in syncs if sync.status != "unchanged"]
    if blocked and len(blocked) == len(due):
        return 3
    return 4 if blocked or any(sync.status in ("partial", "failed", "interrupted") for sync in syncs) else 0
