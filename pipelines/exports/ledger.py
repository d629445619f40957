"""What the ledger learns without a request, and how the answer to one reads in it.

Data flow: <prefix>_plan (settled rows)  ->  exports.ledger;  results of a batch  ->  outbox.Answers, Tally

A killed run leaves the rows of one request `pending`. The next run sends them again in the same batch and under the same
idempotency key, unless the row has changed: then it is a new operation, and the old delivery is closed as `unknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.exports import redirects
from pipelines.exports.destinations.base import Operation, Result
from pipelines.exports.outbox import Answers, transaction
from pipelines.exports.plan import Prepared
from pipelines.exports.values import inlined


@dataclass(frozen=True)
class Stamp:
    """Which run writes, and when."""

    run_id: str
    as_of: datetime
    now: datetime


@dataclass(frozen=True)
class Tally:
    """Answers counted."""

    acked: int = 0
    rejected: int = 0
    unanswered: int = 0
    skipped: int = 0  # accepted, and left alone as the mode asks
    dropped: int = 0  # lost their basis between plan and send

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.acked + other.acked,
            self.rejected + other.rejected,
            self.unanswered + other.unanswered,
            self.skipped + other.skipped,
            self.dropped + other.dropped,
        )


def settle(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> None:
    """Put right what needs no request: moved keys, rows back at their accepted state, rows that left, quick hashes."""
    sync, prefix = prepared.sync, prepared.prefix
    with transaction(con):
        redirects.follow(con, sync, prefix)
        con.execute(
            inlined(
                f"""
            update exports.ledger as ledger
            set
                state = if(planned.action = 'settled', 'acked', 'removed'),
                operation = if(planned.action = 'settled', 'upsert', ledger.operation),
                row_hash = if(planned.action = 'settled', planned.row_hash, null),
                reason = null,
                batch_key = null,
                attempts = 0,
                updated_run_id = $run_id,
                updated_at = $now
            from {prefix}_plan as planned
            where
                ledger.sync = $sync
                and ledger.key = planned.key
                and planned.action in ('settled', 'closed')
            """,
                {"sync": sync.name, "run_id": stamp.run_id, "now": stamp.now},
            ),
        )
        con.execute(
            inlined(
                f"""
            update exports.ledger as ledger set acked_mark = planned.row_mark
            from {prefix}_plan as planned
            where ledger.sync = $sync and ledger.key = planned.key and planned.action in ('settled', 'marked')
            """,
                {"sync": sync.name},
            ),
        )


def read(operations: Sequence[Operation], results: Sequence[Result]) -> tuple[Answers, Tally]:
    """The answers to a batch, in the order of its operations; one without an answer stays pending."""
    answered = {result.key: result for result in results}
    found = [
        answered.get(operation.key) or Result(operation.key, ok=False, reason="no answer", final=False)
        for operation in operations
    ]
    outcomes = [_outcome(result) for result in found]
    answers = Answers(
        keys=[result.key for result in found],
        outcomes=outcomes,
        reasons=[_reason(result) for result in found],
        destination_keys=[result.destination_key for result in found],
        skips=[result.ok and result.is_skipped for result in found],
    )
    return answers, Tally(
        outcomes.count("acked"), outcomes.count("rejected"), outcomes.count("pending"), sum(answers.skips)
    )


def read_set(problem: str | None) -> Answers:
    """The one answer for all changes of a set: accepted together, or pending together."""
    return Answers([""], ["pending" if problem else "acked"], [problem], [None], [False])


def _reason(result: Result) -> str | None:
    if result.ok:
        return f"left alone: {result.reason or 'as the mode asks'}" if result.is_skipped else None
    return result.reason


def _outcome(result: Result) -> str:
    if result.ok:
        return "acked"
    return "rejected" if result.final else "pending"
