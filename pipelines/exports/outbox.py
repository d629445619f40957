"""Operations between their judgement and their answer: committed before the request, taken into the ledger after it.

Data flow: <prefix>_batch -> exports.outbox (commit) -> request -> exports.answers (a line, commit) -> the same for the next
batch -> `take_in`: exports.ledger and exports.deliveries, and both tables are empty again

A line of exports.answers is all that is written between two requests: that the batch before was answered thus, and that the
next one is handed over now. So a kill leaves one batch in doubt, whatever the number that was judged together: the next run
takes in what was answered, notes as pending what was handed over, and forgets what nobody has heard of.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from pipelines.exports.values import Value, inlined

# outcome of a batch that is on its way; and of one that was refused as a whole, so that nothing of it arrived
HANDED, WHOLE = "handed", "whole"
# of the write-ahead log while requests go out
LOG_LIMIT = "256MB"


@dataclass(frozen=True)
class Answers:
    """What came of a batch: an outcome (acked, rejected, pending) for each of its operations, in one order."""

    keys: Sequence[str]
    outcomes: Sequence[str]
    reasons: Sequence[str | None]
    destination_keys: Sequence[str | None]
    skips: Sequence[bool]

    @property
    def is_uniform(self) -> bool:
        """Whether one line says it all."""
        return (
            len(set(self.outcomes)) <= 1
            and len(set(self.reasons)) <= 1
            and set(self.destination_keys) <= {None}
            and len(set(self.skips)) <= 1
        )


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


@contextmanager
def snapshot(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction that sees the warehouse as it is now, whatever another connection commits before it ends."""
    with transaction(con):
        # DuckDB's begins with what it first reads, not with `begin`
        con.execute("select 1 from exports.deliveries limit 1").fetchall()
        yield


def hand_over(con: duckdb.DuckDBPyConnection, sync: str, batch: int) -> None:
    """Note that a batch is on its way, from the next commit on."""
    _say(con, [_line(sync, batch, HANDED)])


def answer(
    con: duckdb.DuckDBPyConnection, sync: str, batch: int, answers: Answers | None, following: int | None
) -> None:
    """Commit what came of a batch (None: refused as a whole), and that the `following` one is on its way."""
    lines = [] if following is None else [_line(sync, following, HANDED)]
    if answers is None:
        lines.append(_line(sync, batch, WHOLE))
    elif answers.is_uniform:
        lines.append(_line(sync, batch, answers.outcomes[0], answers.reasons[0], is_skipped=answers.skips[0]))
    else:
        with transaction(con):
            _say_each(con, sync, batch, answers)
            _say(con, lines)
        return
    _say(con, lines)


def _line(
    sync: str, batch: int, outcome: str, reason: str | None = None, *, is_skipped: bool = False
) -> dict[str, Value]:
    return {"sync": sync, "batch": batch, "outcome": outcome, "reason": reason, "is_skipped": is_skipped}


def _say(con: duckdb.DuckDBPyConnection, lines: Sequence[dict[str, Value]]) -> None:
    if lines:
        rows = ", ".join(
            inlined("($sync, $batch, null, $outcome, $reason, null, $is_skipped)", line) for line in lines
        )
        con.execute(f"insert into exports.answers values {rows}")


def _say_each(con: duckdb.DuckDBPyConnection, sync: str, batch: int, answers: Answers) -> None:
    con.execute(
        """
        insert into exports.answers
        select
            $sync,
            $batch,
            unnest(cast($keys as varchar[])),
            unnest(cast($outcomes as varchar[])),
            unnest(cast($reasons as varchar[])),
            unnest(cast($destination_keys as varchar[])),
            unnest(cast($skips as boolean[]))
        """,
        {
            "sync": sync,
            "batch": batch,
            "keys": list(answers.keys),
            "outcomes": list(answers.outcomes),
            "reasons": list(answers.reasons),
            "destination_keys": list(answers.destination_keys),
            "skips": list(answers.skips),
        },
    )


@contextmanager
def without_checkpoints(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let the log grow while much is committed: each checkpoint would write the last rows of ledger and deliveries again."""
    before = con.execute("select current_setting('checkpoint_threshold')").fetchall()[0][0]
    con.execute(f"set checkpoint_threshold = '{LOG_LIMIT}'")
    try:
        yield
    finally:
        con.execute(f"set checkpoint_threshold = '{before}'")


@contextmanager
def one_thread(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Statements over some thousand rows by one thread each: the sender has three, and DuckDB's own would wait beside them."""
    before = con.execute("select current_setting('threads')").fetchall()[0][0]
    con.execute("set threads = 1")
    try:
        yield
    finally:
        con.execute(f"set threads = {before}")


def take_in(con: duckdb.DuckDBPyConnection, batches: Sequence[int] | None = None) -> None:
    """Write into ledger and deliveries what came of some batches, all by default, and forget them, in one commit."""
    if batches == [] or not con.execute("select 1 from exports.outbox limit 1").fetchall():
        return
    chosen = "true" if batches is None else f"batch in ({', '.join(map(str, batches))})"
    with transaction(con):
        con.execute(_TAKEN.format(chosen=chosen))
        # in a first send all are new and accepted: what is for others would look through both tables for nothing
        any_pending, any_held, any_resent = con.execute(_ANY).fetchall()[0]
        for statement, is_due in (
            (_BATCH_KEY, any_pending),
            (_SUPERSEDE, any_held),
            (_RESENT, any_resent),
            (_DELIVERED, True),
            (_UPDATE_LEDGER, any_held),
            (_INSERT_LEDGER, True),
        ):
            if is_due:
                con.execute(statement)
        con.execute("drop table export_taken")
        con.execute(f"delete from exports.outbox where {chosen}")
        con.execute(f"delete from exports.answers where {chosen}")


# What somebody may have heard of. A batch without a line was never handed over.
_TAKEN = """
create or replace temp table export_taken as
with

of_batches as (
    -- a batch that was answered has two lines
    select
        sync,
        batch,
        coalesce(max(outcome) filter (where outcome <> 'handed'), 'pending') as outcome,
        max(reason) as reason,
        coalesce(bool_or(is_skipped), false) as is_skipped
    from exports.answers
    where key is null and {chosen}
    group by sync, batch
),

of_operations as (
    select * from exports.answers where key is not null and {chosen}
)

select
    outbox.* exclude (destination_key),
    ledger.key is not null as is_held,
    cast(null as varchar) as batch_key,
    of_batches.outcome = 'whole' as is_whole,
    if(of_batches.outcome = 'whole', 'pending', coalesce(of_operations.outcome, of_batches.outcome)) as outcome,
    if(of_batches.outcome = 'whole', 'rejected', coalesce(of_operations.outcome, of_batches.outcome)) as status,
    case
        when of_batches.outcome = 'whole' then 'the request was refused as a whole'
        when of_operations.key is null then of_batches.reason
        else of_operations.reason
    end as reason,
    coalesce(of_operations.is_skipped, of_batches.is_skipped) as is_skipped,
    coalesce(of_operations.destination_key, outbox.destination_key) as destination_key
from (select * from exports.outbox where {chosen}) as outbox
inner join of_batches on of_batches.sync = outbox.sync and of_batches.batch = outbox.batch
left join of_operations
    on of_operations.sync = outbox.sync
    and of_operations.batch = outbox.batch
    and of_operations.key = outbox.key
left join exports.ledger as ledger on ledger.sync = outbox.sync and ledger.key = outbox.key
"""

_ANY = """
select
    coalesce(bool_or(outcome = 'pending' and not is_whole), false),
    coalesce(bool_or(is_held), false),
    coalesce(bool_or(is_resend), false)
from export_taken
"""

# Members of a request that got no answer keep its name: a request that is sent again has the same ones.
_BATCH_KEY = """
update export_taken as taken set batch_key = requests.batch_key
from (
    select sync, batch, sha256(string_agg(cast(idempotency_key as varchar), '' order by key)) as batch_key
    from export_taken
    where outcome = 'pending' and not is_whole
    group by sync, batch
) as requests
where requests.sync = taken.sync and requests.batch = taken.batch and taken.outcome = 'pending' and not taken.is_whole
"""

# A pending row that is replaced by another operation: nobody will ever learn what became of it.
_SUPERSEDE = """
update exports.deliveries as deliveries set status = 'unknown'
from exports.ledger as ledger
inner join export_taken as taken on taken.sync = ledger.sync and taken.key = ledger.key and not taken.is_resend
where
    ledger.state = 'pending'
    and deliveries.idempotency_key = ledger.idempotency_key
    and deliveries.status = 'pending'
"""

_RESENT = """
update exports.deliveries as deliveries set
    status = taken.status,
    reason = taken.reason,
    consent_record_id = taken.consent_record_id,
    contact_point_hash = taken.contact_point_hash,
    purpose = taken.purpose,
    basis = taken.basis,
    judged_at = taken.judged_at,
    granted_at = taken.granted_at,
    grant_expires_at = taken.grant_expires_at,
    run_id = taken.run_id,
    sent_at = taken.sent_at
from export_taken as taken
where taken.is_resend and deliveries.idempotency_key = taken.idempotency_key
"""

_DELIVERED = """
insert into exports.deliveries by name
select
    sync, key, customer_id, operation, status, reason, idempotency_key, consent_record_id, run_id, sent_at,
    contact_point_hash, purpose, basis, judged_at, granted_at, grant_expires_at
from export_taken
where not is_resend
"""

_UPDATE_LEDGER = """
update exports.ledger as ledger set
    state = if(taken.outcome = 'acked' and taken.operation = 'remove', 'removed', taken.outcome),
    customer_id = taken.customer_id,
    seq = taken.seq,
    operation = taken.operation,
    row_hash = taken.row_hash,
    acked_hash = if(taken.outcome = 'acked', taken.row_hash, ledger.acked_hash),
    acked_mark = if(taken.outcome = 'acked', taken.row_mark, ledger.acked_mark),
    in_doubt = (ledger.in_doubt or (ledger.state = 'pending' and ledger.batch_key is not null)) and taken.outcome <> 'acked',
    -- a row that was there before us and was left alone is not ours to remove; one we have written once stays ours
    is_ours = case
        when taken.outcome <> 'acked' then ledger.is_ours
        when taken.is_skipped then coalesce(ledger.is_ours, false)
        else true
    end,
    destination_key = if(taken.outcome = 'acked' and taken.operation = 'remove', null, taken.destination_key),
    contact_point_hash = coalesce(taken.contact_point_hash, ledger.contact_point_hash),
    idempotency_key = taken.idempotency_key,
    -- pending without one: refused as a whole, nothing of it can have arrived
    batch_key = taken.batch_key,
    reason = taken.reason,
    attempts = if(taken.outcome = 'acked', 0, ledger.attempts + if(taken.is_whole, 0, 1)),
    updated_run_id = taken.run_id,
    updated_at = taken.sent_at
from export_taken as taken
where ledger.sync = taken.sync and ledger.key = taken.key
"""

_INSERT_LEDGER = """
insert into exports.ledger by name
select
    taken.sync, taken.key, taken.customer_id, taken.outcome as state, taken.seq, taken.operation, taken.row_hash,
    if(taken.outcome = 'acked', taken.row_hash, null) as acked_hash,
    if(taken.outcome = 'acked', taken.row_mark, null) as acked_mark,
    false as in_doubt,
    if(taken.outcome = 'acked', not taken.is_skipped, null) as is_ours,
    taken.destination_key, taken.contact_point_hash, taken.idempotency_key,
    taken.batch_key,
    taken.reason,
    if(taken.outcome = 'acked' or taken.is_whole, 0, 1) as attempts,
    taken.run_id as updated_run_id,
    taken.sent_at as updated_at
from export_taken as taken
where not taken.is_held
"""
