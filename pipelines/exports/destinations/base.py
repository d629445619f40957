"""What a destination is to the sender: one of two shapes.

`RowDestination` takes operations and answers for each (webhooks, CRMs, ads, lists). `SetDestination` holds
one whole state, such as a file, and replaces it: given all rows that should be there, it ends with exactly
those, whatever it held and however often it was killed before.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

import duckdb

from pipelines.exports.destinations.options import Options

# how a sync may write; what each means stands at `Operation` below and in docs/destinations.md
MODES = ("upsert", "update_only", "create_only", "mirror", "append", "membership")


class Operation(NamedTuple):
    """One row to write, or one key to remove. `destination_key` is what the destination knows the row by.

    `operation` is `upsert` (the row should be there) or `remove`; `mode` says how an upsert may write: `update_only` never
    creates, `create_only` never overwrites (a row that is not there, or is there already, is answered ok and skipped), `append`
    adds an event, `membership` puts the row on a list and leaves the record as it is; `upsert` and `mirror` do both.
    Columns in `fill_empty` are written only where the destination holds no value: what a human typed stays.
    A tuple, because a run makes one for every row: a frozen dataclass takes four times as long.
    """

    key: str
    destination_key: str
    operation: str
    idempotency_key: str
    payload: str | None  # JSON text, exact; null for a removal
    mode: str = "upsert"
    fill_empty: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the row: it holds a person."""
        return f"Operation(key={self.key!r}, operation={self.operation!r}, mode={self.mode!r})"

    @property
    def row(self) -> dict[str, Any]:
        """The payload as values; empty for a removal."""
        values: dict[str, Any] = json.loads(self.payload) if self.payload else {}
        return values


class Result(NamedTuple):
    """The answer to one operation.

    Not ok and final: refused; it is tried again next run as a new operation. Not ok and not final: nobody
    knows whether it arrived; it stays pending and is sent again under the same idempotency key. `is_whole`: the
    request was refused as a whole, nothing of it was taken and no row was named: the sender halves it to find which.
    `is_skipped` (with ok): the destination left the row alone, as the mode asks; it is asked again when the row changes.
    """

    key: str
    ok: bool
    reason: str | None = None
    destination_key: str | None = None
    final: bool = True
    is_whole: bool = False
    is_skipped: bool = False


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
    """For which sync a destination is opened."""

    sync: str


# names, operations of this request -> the destination keys of other rows that stay and are known by one of the names
Others = Callable[[Collection[str], Sequence[Operation]], list[str]]


def nobody(names: Collection[str], operations: Sequence[Operation]) -> list[str]:
    """No other row is known by any of this."""
    return []


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


@runtime_checkable
class KnowsAhead(Protocol):
    """A destination that knows rows by what is uploaded of them: the ledger notes it before the request.

    So a withdrawal finds what a killed or unanswered run may have left there.
    """

    def known_as(self, operation: Operation) -> str | None:
        """The destination key once this operation may have arrived; None: as before."""
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

    `modes` are the modes of a sync that it can carry out; `fills_empty`: it honours `Operation.fill_empty`. A sync that asks
    for another mode is a configuration error. A type without mirror and membership cannot take rows away.
    `requests`: how many requests so many operations take when all goes well. `target`: what a sync overwrites.
    `takes_back`: rows can be taken back with these options.
    """

    options: type[Options]
    modes: tuple[str, ...]
    open_rows: Callable[[Any, Opening], RowDestination] | None = None
    open_set: Callable[[Any, Opening], SetDestination] | None = None
    requests: Callable[[Any, int], int] = lambda options, operations: -(-operations // options.batch_size)
    target: Callable[[Any, str], str | None] = lambda options, sync: None
    fills_empty: bool = False
    takes_back: Callable[[Any], bool] = lambda options: True
