"""A destination in memory, for tests that send ten thousand rows many times: what it does with a request is told beforehand.

It is a strict receiver: a request that repeats an idempotency key gets its first answer again and changes nothing. Other
content under a known key is an error of ours, except where `knows_keys`: such a receiver says that it has the key.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipelines.exports.destinations import LOADED, MODES, TYPES
from pipelines.exports.destinations.base import Kind, Operation, Result
from pipelines.exports.destinations.options import Options


class KilledError(BaseException):
    """The process died here; no handler of ordinary errors sees it."""


@dataclass
class Memory:
    """Rows by sync and destination key, and every operation that arrived: (sync, operation, idempotency key, row)."""

    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    arrived: list[tuple[str, Operation]] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)
    behave: Callable[[Sequence[Operation]], str] = lambda operations: "accept"
    batch_size: int = 500
    knows_keys: bool = False

    def apply(self, sync: str, operation: Operation) -> None:
        """What an accepted operation does; once per idempotency key."""
        self.arrived.append((sync, operation))
        content = f"{operation.operation} {operation.payload}"
        if (before := self.done.setdefault(operation.idempotency_key, content)) != content:
            if self.knows_keys:
                return
            raise AssertionError(f"one idempotency key, two contents: {before} and {content}")
        held = self.rows.setdefault(sync, {})
        if operation.operation == "remove":
            held.pop(operation.destination_key, None)
        else:
            held[operation.destination_key] = operation.row


class MemoryDestination:
    """The rows of one sync.

    Behaviours: accept, refuse (all, as a whole), poison:<key> (as a whole while that key is in it), partial:<key> (that row),
    lost (done, but no answer), silent (not done, no answer), stop (not done, and no further request makes sense), and kill
    before or after the receiver has acted.
    """

    def __init__(self, memory: Memory, sync: str) -> None:
        self._memory = memory
        self._sync = sync
        self.batch_size = memory.batch_size
        self.stopped: str | None = None

    def close(self) -> None:
        """Nothing is open."""

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Do as told."""
        what, _, which = self._memory.behave(operations).partition(":")
        if what == "kill_before":
            raise KilledError
        if what == "stop":
            self.stopped = "gone"
        if what in ("silent", "stop"):
            return [Result(one.key, ok=False, reason="HTTP 503", final=False) for one in operations]
        if what == "refuse" or (what == "poison" and any(one.key == which for one in operations)):
            return [Result(one.key, ok=False, reason="HTTP 400", is_whole=True) for one in operations]
        bad = which if what == "partial" else None
        for operation in operations:
            if operation.key != bad:
                self._memory.apply(self._sync, operation)
        if what == "kill_after":
            raise KilledError
        if what == "lost":
            return [Result(one.key, ok=False, reason="ReadTimeout", final=False) for one in operations]
        return [
            Result(one.key, ok=one.key != bad, reason="bad row" if one.key == bad else None)
            for one in operations
        ]


@contextmanager
def memory_type(memory: Memory) -> Iterator[None]:
    """The destination type `memory`, for the time of a test."""
    types: dict[str, str] = TYPES  # type: ignore[assignment]
    types["memory"] = "memory"
    LOADED["memory"] = Kind(
        options=Options,
        requests=lambda options, operations: -(-operations // memory.batch_size),
        open_rows=lambda options, opening: MemoryDestination(memory, opening.sync),
        modes=MODES,
        fills_empty=True,
    )
    try:
        yield
    finally:
        del types["memory"], LOADED["memory"]
