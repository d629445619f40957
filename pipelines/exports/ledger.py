"""Writes of the ledger around a request: pending before it, the answer after it.

Data flow: <prefix>_plan -> <prefix>_ops (operations in batches) -> <prefix>_batch (one of them, basis checked
again) -> exports.ledger, exports.deliveries

A killed run leaves `pending` rows. The next run sends them again in the same batch and under the same idempotency key,
unless the row has changed: then it is a new operation, and the old delivery is closed as `unknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.exports import redirects
from pipelines.exports.destinations.base import Operation, Result
from pipelines.exports.lawful import basis_query
from pipelines.exports.plan import Prepared, row_json
from pipelines.exports.schema import quoted, quoted_relation


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
    dropped: int = 0  # lost their basis between plan and send

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.acked + other.acked,
            self.rejected + other.rejected,
            self.unanswered + other.unanswered,
            self.dropped + other.dropped,
        )


def settle(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> None:
    """Put right what needs no request: moved keys, rows back at their accepted state, refused rows that left."""
    sync, prefix = prepared.sync, prepared.prefix
    with transaction(con):
        redirects.follow(con, sync, prefix)
        con.execute(
            f"""
            update exports.ledger as ledger
            set
                state = if(planned.action = 'settled', 'acked', 'removed'),
                operation = 'upsert',
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


def cut_batches(con: duckdb.DuckDBPyConnection, prepared: Prepared, batch_size: int) -> list[int]:
    """Make `<prefix>_ops`, numbered in batches; removals first, since they are owed to somebody.

    What a killed run left pending keeps its company: one request had one idempotency key for all its members.
    """
    prefix = prepared.prefix
    con.execute(
        f"""
        create or replace temp table {prefix}_ops as
        with

        due as (
            select
                *,
                if(is_wanted, 'upsert', 'remove') as operation
            from {prefix}_plan
            where action in ('added', 'changed', 'removed', 'retry')
        ),

        keyed as (
            select
                key,
                customer_id,
                contact_point,
                operation,
                consent_record_id,
                if(operation = 'upsert', row_hash, null) as row_hash,
                destination_key,
                idempotency_key,
                seq,
                batch_key,
                coalesce(
                    state = 'pending'
                    and last_operation = operation
                    and (operation = 'remove' or last_hash = row_hash),
                    false
                ) as is_resend
            from due
        ),

        placed as (
            select
                * replace (
                    if(is_resend, seq, seq + 1) as seq,
                    if(is_resend, coalesce(batch_key, ''), null) as batch_key,
                    if(is_resend, idempotency_key, null) as idempotency_key
                ),
                row_number() over (partition by is_resend order by operation, key) - 1 as place,
                dense_rank() over (partition by is_resend order by batch_key) - 1 as resend_batch
            from keyed
        )

        select
            * exclude (idempotency_key, resend_batch),
            coalesce(
                idempotency_key,
                sha256(concat_ws(chr(31), $sync, key, cast(seq as varchar), operation, coalesce(row_hash, '')))
            ) as idempotency_key,
            if(
                is_resend,
                resend_batch,
                (select count(distinct batch_key) from placed) + place // {batch_size}
            ) as batch
        from placed
        """,
        {"sync": prepared.sync.name},
    )
    return [row[0] for row in con.execute(f"select distinct batch from {prefix}_ops order by batch").fetchall()]


def take(con: duckdb.DuckDBPyConnection, prepared: Prepared, batch: int, stamp: Stamp) -> tuple[list[Operation], int]:
    """Commit one batch as pending and build its payload, from one snapshot.

    Returns the operations and the number of rows that lost their lawful basis since the plan; those are left out.
    """
    with transaction(con):
        dropped = _recheck(con, prepared, batch, stamp)
        mark_pending(con, prepared, stamp)
        return _operations(con, prepared), dropped


def _recheck(con: duckdb.DuckDBPyConnection, prepared: Prepared, batch: int, stamp: Stamp) -> int:
    """Make `<prefix>_batch`: the operations of a batch that are lawful now. Removals need no basis."""
    prefix = prepared.prefix
    con.execute(f"create or replace temp table {prefix}_batch as select * from {prefix}_ops where batch = {batch}")
    return drop_unlawful(con, prepared, f"{prefix}_batch", stamp)


def drop_unlawful(con: duckdb.DuckDBPyConnection, prepared: Prepared, table: str, stamp: Stamp) -> int:
    """Judge the upserts of a table again, refresh their proof and delete those without a basis; returns how many."""
    judged = basis_query(
        f"(select key, customer_id, contact_point from {table} where operation = 'upsert')",
        prepared.purpose,
        has_point=prepared.sync.contact_point is not None,
    )
    con.execute(f"create or replace temp table {prepared.prefix}_now as {judged}", {"as_of": stamp.as_of})
    con.execute(
        f"""
        update {table} as operations set consent_record_id = judged.consent_record_id
        from {prepared.prefix}_now as judged
        where judged.key = operations.key and operations.operation = 'upsert'
        """
    )
    gone = con.execute(
        f"""
        delete from {table}
        where operation = 'upsert' and key in (select key from {prepared.prefix}_now where reason is not null)
        """
    ).fetchall()
    return int(gone[0][0])


def mark_pending(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> None:
    """Write the operations of `<prefix>_batch` into ledger and deliveries, before anybody hears of them."""
    values = {"sync": prepared.sync.name, "run_id": stamp.run_id, "now": stamp.now}
    # one key for the whole request, and the same one when the same members are sent again
    con.execute(
        f"""
        update {prepared.prefix}_batch set batch_key = (
            select sha256(string_agg(idempotency_key, '' order by place)) from {prepared.prefix}_batch
        )
        """
    )
    for statement in (_SUPERSEDE, _RESEND_DELIVERIES, _UPDATE_LEDGER, _INSERT_LEDGER, _INSERT_DELIVERIES):
        sql = statement.format(batch=f"{prepared.prefix}_batch")
        con.execute(sql, {name: value for name, value in values.items() if f"${name}" in sql})


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
    in_doubt = ledger.in_doubt or ledger.state = 'pending',
    destination_key = coalesce(ledger.destination_key, batch.key),
    idempotency_key = batch.idempotency_key,
    batch_key = batch.batch_key,
    reason = null,
    attempts = ledger.attempts + 1,
    updated_run_id = $run_id,
    updated_at = $now
from {batch} as batch
where ledger.sync = $sync and ledger.key = batch.key
"""

_INSERT_LEDGER = """
insert into exports.ledger
select
    $sync, batch.key, batch.customer_id, 'pending', batch.seq, batch.operation, batch.row_hash,
    null, false, batch.key, batch.idempotency_key, batch.batch_key, null, 1, $run_id, $now
from {batch} as batch
anti join (select key from exports.ledger where sync = $sync) as ledger on ledger.key = batch.key
"""

_INSERT_DELIVERIES = """
insert into exports.deliveries
select
    $sync, batch.key, batch.customer_id, batch.operation, 'pending', null, batch.idempotency_key,
    batch.consent_record_id, $run_id, $now
from {batch} as batch
where not batch.is_resend
"""


def _operations(con: duckdb.DuckDBPyConnection, prepared: Prepared) -> list[Operation]:
    """Payloads of the batch, straight from the sync model."""
    prefix, sync = prepared.prefix, prepared.sync
    table = con.sql(
        f"""
        with

        batch as (
            select * from {prefix}_batch
        ),

        payloads as (
            select
                cast({quoted(sync.key)} as varchar) as key,
                {row_json(prepared.columns)} as payload
            from {quoted_relation(sync.relation)}
            where cast({quoted(sync.key)} as varchar) in (select key from batch where operation = 'upsert')
        )

        select
            batch.key,
            coalesce(batch.destination_key, batch.key) as destination_key,
            batch.operation,
            batch.idempotency_key,
            if(batch.operation = 'upsert', payloads.payload, null) as payload
        from batch
        left join payloads on payloads.key = batch.key
        order by batch.place
        """
    ).to_arrow_table()
    return [Operation(**row) for row in table.to_pylist()]


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
    columns: dict[str, list[Any]] = {
        "key": [answer.key for answer in answers],
        "idempotency_key": [operation.idempotency_key for operation in operations],
        "outcome": [_outcome(answer) for answer in answers],
        "reason": [None if answer.ok else answer.reason for answer in answers],
        "destination_key": [answer.destination_key for answer in answers],
    }
    kinds = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    write_answers(con, prepared, pa.table(kinds), stamp)
    outcomes = columns["outcome"]
    return Tally(outcomes.count("acked"), outcomes.count("rejected"), outcomes.count("pending"))


def _outcome(result: Result) -> str:
    if result.ok:
        return "acked"
    return "rejected" if result.final else "pending"


def write_answers(con: duckdb.DuckDBPyConnection, prepared: Prepared, answers: pa.Table, stamp: Stamp) -> None:
    """Update ledger and deliveries from a table (key, idempotency_key, outcome, reason, destination_key)."""
    values = {"sync": prepared.sync.name, "run_id": stamp.run_id, "now": stamp.now}
    con.register("export_answers", answers)
    try:
        with transaction(con):
            con.execute(_RECORD_LEDGER, values)
            con.execute(_RECORD_DELIVERIES, {"run_id": stamp.run_id})
    finally:
        con.unregister("export_answers")


_RECORD_LEDGER = """
update exports.ledger as ledger set
    state = if(answers.outcome = 'acked' and ledger.operation = 'remove', 'removed', answers.outcome),
    acked_hash = case
        when answers.outcome <> 'acked' then ledger.acked_hash
        when ledger.operation = 'upsert' then ledger.row_hash
    end,
    in_doubt = ledger.in_doubt and answers.outcome <> 'acked',
    destination_key = case
        when answers.outcome = 'acked' and ledger.operation = 'remove' then null
        else coalesce(answers.destination_key, ledger.destination_key)
    end,
    batch_key = if(answers.outcome = 'pending', ledger.batch_key, null),
    reason = answers.reason,
    attempts = if(answers.outcome = 'acked', 0, ledger.attempts),
    updated_run_id = $run_id,
    updated_at = $now
from export_answers as answers
where ledger.sync = $sync and ledger.key = answers.key
"""

_RECORD_DELIVERIES = """
update exports.deliveries as deliveries set
    status = answers.outcome,
    reason = answers.reason
from export_answers as answers
where deliveries.run_id = $run_id and deliveries.idempotency_key = answers.idempotency_key
"""


class transaction:  # noqa: N801 - reads as a statement: `with transaction(con):`
    """Commit on success, roll back on any error."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def __enter__(self) -> None:
        self._con.execute("begin transaction")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._con.execute("commit" if kind is None else "rollback")
