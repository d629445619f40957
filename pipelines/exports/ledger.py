"""Writes of the ledger around a request: pending before it, the answer after it.

Data flow: <prefix>_plan (settled rows), <prefix>_batch, answers  ->  exports.ledger, exports.deliveries

A killed run leaves `pending` rows. The next run sends them again in the same batch and under the same
idempotency key, unless the row has changed: then it is a new operation, and the old delivery is closed as
`unknown`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.exports import redirects, writeback
from pipelines.exports.destinations.base import KnowsAhead, Operation, Result, RowDestination
from pipelines.exports.plan import Prepared


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
    """Put right what needs no request: moved keys, rows back at their accepted state, rows that left."""
    sync, prefix = prepared.sync, prepared.prefix
    with transaction(con):
        redirects.follow(con, sync, prefix)
        con.execute(
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
        )


def mark_pending(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> None:
    """Write the operations of `<prefix>_batch` into ledger and deliveries, before anybody hears of them."""
    values = {
        "sync": prepared.sync.name,
        "run_id": stamp.run_id,
        "now": stamp.now,
        "as_of": stamp.as_of,
        "purpose": prepared.purpose.name,
        "basis": prepared.purpose.basis,
    }
    # one key for the whole request, and the same one when the same members are sent again
    batch = f"{prepared.prefix}_batch"
    con.execute(
        f"""
        update {batch} as batch set batch_key = keys.batch_key
        from (
            select batch, sha256(string_agg(idempotency_key, '' order by place, key)) as batch_key
            from {batch}
            group by batch
        ) as keys
        where keys.batch = batch.batch
        """
    )
    con.execute(
        f"""
        create or replace temp table {prepared.prefix}_before as
        select ledger.*
        from exports.ledger as ledger
        semi join {batch} as batch on batch.key = ledger.key
        where ledger.sync = $sync
        """,
        {"sync": prepared.sync.name},
    )
    for statement in (_SUPERSEDE, _RESEND_DELIVERIES, _UPDATE_LEDGER, _INSERT_LEDGER, _INSERT_DELIVERIES):
        sql = statement.format(batch=f"{prepared.prefix}_batch")
        con.execute(sql, {name: value for name, value in values.items() if f"${name}" in sql})
    sync, batch = prepared.sync, f"{prepared.prefix}_batch"
    writeback.remember(
        con, sync.writes_back, relation=sync.relation, key=sync.key, batch=batch, as_of=stamp.as_of
    )


def remember(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    destination: RowDestination,
    operations: Sequence[Operation],
    stamp: Stamp,
) -> None:
    """Note, before the request, by what the destination may know each row after it, where it says so."""
    if not isinstance(destination, KnowsAhead):
        return
    known = {
        op.key: name for op in operations if (name := destination.known_as(op)) and name != op.destination_key
    }
    con.execute(
        """
        update exports.ledger as ledger set destination_key = known.destination_key
        from (
            select
                unnest(cast($keys as varchar[])) as key,
                unnest(cast($names as varchar[])) as destination_key
        ) as known
        where ledger.sync = $sync and ledger.key = known.key and ledger.updated_run_id = $run_id
        """,
        {
            "keys": list(known),
            "names": list(known.values()),
            "sync": prepared.sync.name,
            "run_id": stamp.run_id,
        },
    )


# A pending row that is replaced by another operation: nobody will ever learn what became of it.
_SUPERSEDE = """
update exports.deliveries as deliveries set status = 'unknown'
from exports.ledger as ledger
inner join {batch} as batch on batch.key = ledger.key and not batch.is_resend
where
    ledger.sync = $sync
    and ledger.state = 'pending'
    and deliveries.idempotency_key = ledger.idempotency_key
    and deliveries.status = 'pending'
"""

_RESEND_DELIVERIES = """
update exports.deliveries as deliveries set
    status = 'pending',
    reason = null,
    consent_record_id = batch.consent_record_id,
    contact_point_hash = sha256(batch.contact_point),
    purpose = $purpose,
    basis = $basis,
    judged_at = $as_of,
    granted_at = batch.granted_at,
    grant_expires_at = batch.grant_expires_at,
    run_id = $run_id,
    sent_at = $now
from {batch} as batch
where batch.is_resend and deliveries.idempotency_key = batch.idempotency_key
"""

_UPDATE_LEDGER = """
update exports.ledger as ledger set
    state = 'pending',
    customer_id = batch.customer_id,
    seq = batch.seq,
    operation = batch.operation,
    row_hash = batch.row_hash,
    contact_point_hash = coalesce(sha256(batch.contact_point), ledger.contact_point_hash),
    -- half of a request that was refused as a whole is pending too, but nothing of it can have arrived
    in_doubt = ledger.in_doubt or (ledger.state = 'pending' and not batch.is_half),
    destination_key = coalesce(ledger.destination_key, batch.key),
    idempotency_key = batch.idempotency_key,
    batch_key = batch.batch_key,
    reason = null,
    attempts = ledger.attempts + if(batch.is_half, 0, 1),
    updated_run_id = $run_id,
    updated_at = $now
from {batch} as batch
where ledger.sync = $sync and ledger.key = batch.key
"""

_INSERT_LEDGER = """
insert into exports.ledger by name
select
    $sync as sync, batch.key, batch.customer_id, 'pending' as state, batch.seq, batch.operation, batch.row_hash,
    false as in_doubt, batch.key as destination_key, batch.idempotency_key, batch.batch_key, 1 as attempts,
    $run_id as updated_run_id, $now as updated_at, sha256(batch.contact_point) as contact_point_hash
from {batch} as batch
anti join (select key from exports.ledger where sync = $sync) as ledger on ledger.key = batch.key
"""

_INSERT_DELIVERIES = """
insert into exports.deliveries by name
select
    $sync as sync, batch.key, batch.customer_id, batch.operation, 'pending' as status, batch.idempotency_key,
    batch.consent_record_id, $run_id as run_id, $now as sent_at, sha256(batch.contact_point) as contact_point_hash,
    $purpose as purpose, $basis as basis, $as_of as judged_at, batch.granted_at, batch.grant_expires_at
from {batch} as batch
where not batch.is_resend
"""


def unsend(con: duckdb.DuckDBPyConnection, prepared: Prepared, keys: Sequence[str]) -> None:
    """Put back what was made pending and never handed over, because the run ends: the ledger is as if it had not been taken."""
    before, names = f"{prepared.prefix}_before", {"sync": prepared.sync.name, "keys": list(keys)}
    mine = "sync = $sync and key in (select unnest(cast($keys as varchar[])))"
    with transaction(con):
        con.execute(
            f"""
            delete from exports.deliveries
            where
                {mine}
                and status = 'pending'
                and idempotency_key in (select idempotency_key from exports.ledger where {mine})
                and idempotency_key not in (select idempotency_key from {before})
            """,
            names,
        )
        # what it would have replaced is open again
        con.execute(
            f"""
            update exports.deliveries set status = 'pending'
            where
                {mine}
                and status = 'unknown'
                and idempotency_key in (select idempotency_key from {before} where state = 'pending')
            """,
            names,
        )
        con.execute(f"delete from exports.ledger where {mine}", names)
        con.execute(f"insert into exports.ledger by name select * from {before} where {mine}", names)


def release_halves(con: duckdb.DuckDBPyConnection, prepared: Prepared, chosen: str, stamp: Stamp) -> None:
    """Close operations of a half that lost their basis meanwhile: their request was refused, so none of them arrived."""
    con.execute(
        f"""
        create or replace temp table {prepared.prefix}_answers as
        select
            key,
            idempotency_key,
            'rejected' as outcome,
            'basis lost before sending' as reason,
            cast(null as varchar) as destination_key,
            false as is_skipped
        from {prepared.prefix}_ops as ops
        where {chosen} and is_half and key not in (select key from {prepared.prefix}_batch)
        """
    )
    _set_answers(con, prepared, stamp)


def record_set(con: duckdb.DuckDBPyConnection, prepared: Prepared, problem: str | None, stamp: Stamp) -> None:
    """All changes of a set are accepted together, or stay pending together."""
    con.execute(
        f"""
        create or replace temp table {prepared.prefix}_answers as
        select
            key,
            idempotency_key,
            if($problem is null, 'acked', 'pending') as outcome,
            cast($problem as varchar) as reason,
            cast(null as varchar) as destination_key,
            false as is_skipped
        from {prepared.prefix}_batch
        """,
        {"problem": problem},
    )
    _write_answers(con, prepared, stamp)


def record(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    operations: Sequence[Operation],
    results: Sequence[Result],
    stamp: Stamp,
) -> Tally:
    """Commit the answers of one batch; an operation without an answer stays pending."""
    answered = {result.key: result for result in results}
    answers = [
        answered.get(operation.key, Result(operation.key, ok=False, reason="no answer", final=False))
        for operation in operations
    ]
    outcomes = [_outcome(answer) for answer in answers]
    con.execute(
        f"""
        create or replace temp table {prepared.prefix}_answers as
        select
            unnest(cast($keys as varchar[])) as key,
            unnest(cast($idempotency_keys as varchar[])) as idempotency_key,
            unnest(cast($outcomes as varchar[])) as outcome,
            unnest(cast($reasons as varchar[])) as reason,
            unnest(cast($destination_keys as varchar[])) as destination_key,
            unnest(cast($skips as boolean[])) as is_skipped
        """,
        {
            "keys": [answer.key for answer in answers],
            "idempotency_keys": [operation.idempotency_key for operation in operations],
            "outcomes": outcomes,
            "reasons": [_reason(answer) for answer in answers],
            "destination_keys": [answer.destination_key for answer in answers],
            "skips": [answer.ok and answer.is_skipped for answer in answers],
        },
    )
    _write_answers(con, prepared, stamp)
    return Tally(
        outcomes.count("acked"),
        outcomes.count("rejected"),
        outcomes.count("pending"),
        sum(answer.ok and answer.is_skipped for answer in answers),
    )


def _reason(result: Result) -> str | None:
    if result.ok:
        return f"left alone: {result.reason or 'as the mode asks'}" if result.is_skipped else None
    return result.reason


def _outcome(result: Result) -> str:
    if result.ok:
        return "acked"
    return "rejected" if result.final else "pending"


def _write_answers(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> None:
    """Update ledger and deliveries from `<prefix>_answers`, in one commit."""
    with transaction(con):
        _set_answers(con, prepared, stamp)


def _set_answers(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> None:
    values = {"sync": prepared.sync.name, "run_id": stamp.run_id, "now": stamp.now}
    answers = f"{prepared.prefix}_answers"
    con.execute(_RECORD_LEDGER.format(answers=answers), values)
    con.execute(_RECORD_DELIVERIES.format(answers=answers), {"run_id": stamp.run_id})


_RECORD_LEDGER = """
update exports.ledger as ledger set
    state = if(answers.outcome = 'acked' and ledger.operation = 'remove', 'removed', answers.outcome),
    acked_hash = case
        when answers.outcome <> 'acked' then ledger.acked_hash
        when ledger.operation = 'upsert' then ledger.row_hash
    end,
    in_doubt = ledger.in_doubt and answers.outcome <> 'acked',
    -- a row that was there before us and was left alone is not ours to remove; one we have written once stays ours
    is_ours = case
        when answers.outcome <> 'acked' then ledger.is_ours
        when answers.is_skipped then coalesce(ledger.is_ours, false)
        else true
    end,
    destination_key = case
        when answers.outcome = 'acked' and ledger.operation = 'remove' then null
        else coalesce(answers.destination_key, ledger.destination_key)
    end,
    batch_key = if(answers.outcome = 'pending', ledger.batch_key, null),
    reason = answers.reason,
    attempts = if(answers.outcome = 'acked', 0, ledger.attempts),
    updated_run_id = $run_id,
    updated_at = $now
from {answers} as answers
where ledger.sync = $sync and ledger.key = answers.key
"""

_RECORD_DELIVERIES = """
update exports.deliveries as deliveries set
    status = answers.outcome,
    reason = answers.reason
from {answers} as answers
where deliveries.run_id = $run_id and deliveries.idempotency_key = answers.idempotency_key
"""


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit on success, roll back on any error."""
    con.execute("begin transaction")
    try:
        yield
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("commit")
