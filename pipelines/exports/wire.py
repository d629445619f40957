"""The threads that hand batches to a destination, and take answers into the ledger, while the warehouse prepares the next ones.

Data flow: batches of the outbox -> request -> exports.answers (a commit of its own connection) -> Sent

One thread alone speaks with the destination, and between two requests it writes one line: how the batch before was answered, and
that the next one is on its way. Another takes in what was answered.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Self

import duckdb

from pipelines.exports import ledger, outbox
from pipelines.exports.destinations.base import Operation, RowDestination
from pipelines.exports.ledger import Tally
from pipelines.exports.stopping import Stop
from pipelines.failpoints import reach

Batch = tuple[int, list[Operation]]


@dataclass(frozen=True)
class Sent:
    """What came of some batches; those the end of the run has left `unsent` nobody has heard of."""

    tally: Tally = field(default_factory=Tally)
    refused_whole: Sequence[int] = ()
    unsent: int = 0


class Wire:
    """One destination and one sync. Leaving the context lets the batch under way end, and no other begin."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, sync: str, destination: RowDestination, stop: Stop
    ) -> None:
        self._con, self._books = con.cursor(), con.cursor()
        self._sync, self._destination, self._stop = sync, destination, stop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cdp-export")
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix="cdp-ledger")
        self._is_left = False
        # whose turn it is to use the connection of the sender: a destination may have a question while it sends
        self.turn = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_left = True
        self._thread.shutdown()
        self._clerk.shutdown()
        self._con.close()
        self._books.close()

    @property
    def is_ending(self) -> bool:
        """Whether no further batch leaves."""
        return bool(self._is_left or self._destination.stopped or self._stop.reason)

    def send(self, batches: Sequence[Batch]) -> Future[Sent]:
        """Begin to hand over batches that are committed in the outbox."""
        return self._thread.submit(self._send, batches)

    def take_in(self, numbers: Sequence[int]) -> Future[None]:
        """Begin to take answered batches into the ledger."""
        return self._clerk.submit(outbox.take_in, self._books, numbers)

    def _send(self, batches: Sequence[Batch]) -> Sent:
        tally, refused = Tally(), list[int]()
        if not batches or self.is_ending:
            return Sent(unsent=len(batches))
        outbox.hand_over(self._con, self._sync, batches[0][0])
        for n, (number, operations) in enumerate(batches, start=1):
            results = self._destination.send(operations)
            reach("export.sent")
            is_whole = len(operations) > 1 and all(one.is_whole for one in results)
            if is_whole and not self._destination.stopped:
                answers, counted = None, Tally()
                refused.append(number)
            else:
                answers, counted = ledger.read(operations, results)
            tally += counted
            is_last = n == len(batches) or self.is_ending
            outbox.answer(self._con, self._sync, number, answers, None if is_last else batches[n][0])
            reach("export.acked")
            if is_last:
                break
        return Sent(tally, refused, len(batches) - n)
