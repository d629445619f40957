"""What a destination is to the sender: one of two shapes.

`RowDestination` takes operations and answers for each (webhooks, CRMs, ads, lists). `SetDestination` holds
one whole state, such as a file, and replaces it: given all rows that should be there, it ends with exactly
those, whatever it held and however often it was killed before.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import duckdb

from pipelines.exports.destinations.options import Options

ALL_MODES = ("mirror", "upsert", "update_only", "create_only", "append", "membership")


@dataclass(frozen=True)
class Operation:
    """One row to upsert, or one key to remove. `destination_key` is what the destination knows the row by."""

    key: str
    destination_key: str
    operation: str
    idempotency_key: str
    payload: str | None = field(repr=False)  # JSON text, exact; null for a removal

    @property
    def row(self) -> dict[str, Any]:
        """The payload as values; empty for a removal."""
        values: dict[str, Any] = json.loads(self.payload) if self.payload else {}
        return values


@dataclass(frozen=True)
class Result:
    """The answer to one operation.

    Not ok and final: refused; it is tried again next run as a new operation. Not ok and not final: nobody
    knows whether it arrived; it stays pending and is sent again under the same idempotency key. `is_whole`: the
    request was refused as a whole, nothing of it was taken and no row was named: the sender halves it to find which.
    """

    key: str
    ok: bool
    reason: str | None = None
    destination_key: str | None = None
    final: bool = True
    is_whole: bool = False


@dataclass(frozen=True)
class SetState:
    """A whole set to write. `source` is the query after its select list (from ... where ... order by ...)."""

    source: str
    columns: tuple[str, ...]
    rows: int
    fingerprint: str  # differs for any other set of rows
    run_id: str
    now: datetime


@dataclass(frozen=True)
class Opening:
    """For which sync a destination is opened, and what the sync may do there."""

    sync: str
    mode: str


class RowDestination(Protocol):
    """Takes operations, a batch at a time."""

    @property
    def batch_size(self) -> int:
        """Operations that the ledger commits and hands over together."""
        ...

    @property
    def stopped(self) -> str | None:
        """Why there is no point in sending more in this run; None: go on."""
        ...

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Deliver a batch. Never raises for what the destination answers or fails to answer."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class SetDestination(Protocol):
    """Holds one whole set of rows and replaces it."""

    def holds(self, state: SetState) -> bool:
        """Whether the destination has exactly this set now."""
        ...

    def write(self, con: duckdb.DuckDBPyConnection, state: SetState) -> None:
        """Replace the set in one step, or raise OSError or duckdb.Error and leave the old one."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


@dataclass(frozen=True)
class Kind:
    """A type of destination. `open_rows` and `open_set` get the options as their own class, checked.

    `requests`: how many requests so many operations take when all goes well. `target`: what a sync overwrites.
    """

    options: type[Options]
    modes: tuple[str, ...]
    open_rows: Callable[[Any, Opening], RowDestination] | None = None
    open_set: Callable[[Any, Opening], SetDestination] | None = None
    requests: Callable[[Any, int], int] = lambda options, operations: -(-operations // options.batch_size)
    target: Callable[[Any, str], str | None] = lambda options, sync: None
