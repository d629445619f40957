"""Operations of a planned sync, cut into batches, judged once more and filled with their payload.

Data flow: <prefix>_plan -> <prefix>_ops (operations, numbered in batches) -> <prefix>_batch (some of them,
or all for a whole set; lawful now) -> exports.outbox, payloads from the sync model
"""

from collections.abc import Iterator, Sequence

import duckdb

from pipelines.exports import outbox, writeback
from pipelines.exports.destinations.base import KnowsAhead, Operation, RowDestination, SetState
from pipelines.exports.lawful import basis_query
from pipelines.exports.ledger import Stamp
from pipelines.exports.plan import Prepared
from pipelines.exports.rows import row_json
from pipelines.exports.schema import quoted, quoted_relation
from pipelines.exports.values import digest, inlined

# number of the one batch of a whole set
WHOLE_SET = 0


def cut_batches(con: duckdb.DuckDBPyConnection, prepared: Prepared, batch_size: int) -> list[int]:
    """Make `<prefix>_ops`, numbered in batches; removals first, since they are owed to somebody.

    What a killed run left on its way keeps its company: one request had one idempotency key for all its members. An event
    (append) that may have arrived is sent again as it is known, even if the row has changed or was refused: once for ever.
    """
    prefix = prepared.prefix
    con.execute(
        inlined(
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
                cast(null as varchar) as consent_record_id,
                cast(null as timestamp) as granted_at,
                cast(null as timestamp) as grant_expires_at,
                if(operation = 'upsert', row_hash, null) as row_hash,
                if(operation = 'upsert', row_mark, null) as row_mark,
                destination_key,
                idempotency_key,
                seq,
                batch_key,
                coalesce(
                    last_operation = operation
                    and (
                        state = 'pending' and (operation = 'remove' or last_hash = row_hash)
                        -- refused after silence: it may have arrived all the same
                        or $mode = 'append' and (state = 'pending' or state = 'rejected' and in_doubt)
                    ),
                    false
                ) as is_resend
            from due
        ),

        placed as (
            select
                * replace (
                    if(is_resend, seq, seq + 1) as seq,
                    if(is_resend, batch_key, null) as batch_key,
                    if(is_resend, idempotency_key, null) as idempotency_key
                ),
                row_number() over (order by batch_key is not null, operation, key) - 1 as place
            from keyed
        ),

        -- requests of a killed run, if there are any; they come first
        resends as (
            select batch_key, row_number() over (order by batch_key) - 1 as batch
            from placed
            where batch_key is not null
            group by batch_key
        )

        select
            placed.* exclude (idempotency_key),
            coalesce(
                placed.idempotency_key,
                {digest("concat_ws(chr(31), $sync, key, seq, operation, coalesce(cast(row_hash as varchar), ''))")}
            ) as idempotency_key,
            coalesce(resends.batch, (select count(*) from resends) + place // {batch_size}) as batch
        from placed
        left join resends on resends.batch_key = placed.batch_key
        """,
            {"sync": prepared.sync.name, "mode": prepared.sync.mode},
        ),
    )
    return [
        row[0] for row in con.execute(f"select distinct batch from {prefix}_ops order by batch").fetchall()
    ]


def halve(con: duckdb.DuckDBPyConnection, prepared: Prepared, batch: int) -> tuple[int, int]:
    """Cut a batch that was refused as a whole in two; its numbers are free ones, the first half comes first.

    Nothing of it arrived, so the operations keep their idempotency keys; each half is a request with a key of its own.
    """
    ops = f"{prepared.prefix}_ops"
    first = con.execute(f"select max(batch) + 1 from {ops}").fetchall()[0][0]
    con.execute(
        f"""
        update {ops} as ops set batch = {first} + if(halves.half = 1, 0, 1), is_resend = true
        from (select key, ntile(2) over (order by place, key) as half from {ops} where batch = {batch}) as halves
        where ops.batch = {batch} and halves.key = ops.key
        """
    )
    return first, first + 1


def take(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    destination: RowDestination,
    numbers: Sequence[int],
    stamp: Stamp,
) -> tuple[list[tuple[int, list[Operation]]], int]:
    """Put some batches into the outbox and build their payloads, in the caller's snapshot: nothing leaves before its commit.

    Returns the operations by batch, in the order asked for, and the number of rows that lost their lawful basis since the
    plan; those are left out.
    """
    dropped = _recheck(con, prepared, numbers, stamp)
    put(con, prepared, stamp)
    found: dict[int, list[Operation]] = {number: [] for number in numbers}
    for number, operation in _operations(con, prepared):
        found[number].append(operation)
    taken = [(number, operations) for number, operations in found.items() if operations]
    if isinstance(destination, KnowsAhead):
        for number, operations in taken:
            _note_names(con, prepared, number, destination, operations)
    return taken, dropped


def _note_names(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    number: int,
    destination: KnowsAhead,
    operations: Sequence[Operation],
) -> None:
    """Note, before the request, by what the destination may know each row after it."""
    known = {op.key: name for op in operations if (name := destination.known_as(op))}
    con.execute(
        """
        update exports.outbox as outbox set destination_key = known.name
        from (select unnest(cast($keys as varchar[])) as key, unnest(cast($names as varchar[])) as name) as known
        where outbox.sync = $sync and outbox.batch = $batch and outbox.key = known.key
        """,
        {
            "keys": list(known),
            "names": list(known.values()),
            "sync": prepared.sync.name,
            "batch": number,
        },
    )


def put(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> None:
    """Write the operations of `<prefix>_batch` into the outbox."""
    batch = f"{prepared.prefix}_batch"
    con.execute(
        inlined(
            f"""
        insert into exports.outbox by name
        select
            $sync as sync, batch, key, customer_id, operation, row_hash, row_mark, seq,
            coalesce(destination_key, key) as destination_key,
            {digest("contact_point")} as contact_point_hash,
            idempotency_key, is_resend, consent_record_id, granted_at, grant_expires_at,
            $purpose as purpose, $basis as basis, $as_of as judged_at, $run_id as run_id, $now as sent_at
        from {batch}
        """,
            {
                "sync": prepared.sync.name,
                "purpose": prepared.purpose.name,
                "basis": prepared.purpose.basis,
                "as_of": stamp.as_of,
                "run_id": stamp.run_id,
                "now": stamp.now,
            },
        ),
    )
    sync = prepared.sync
    writeback.remember(
        con, sync.writes_back, relation=sync.relation, key=sync.key, batch=batch, as_of=stamp.as_of
    )


def _recheck(con: duckdb.DuckDBPyConnection, prepared: Prepared, numbers: Sequence[int], stamp: Stamp) -> int:
    """Make `<prefix>_batch`: the operations of these batches that are lawful now. Removals need no basis."""
    prefix = prepared.prefix
    chosen = f"batch in ({', '.join(map(str, numbers))})"
    con.execute(f"create or replace temp table {prefix}_batch as select * from {prefix}_ops where {chosen}")
    dropped = drop_unlawful(con, prepared, f"{prefix}_batch", stamp)
    if dropped:
        con.execute(
            f"delete from {prefix}_ops where {chosen} and key not in (select key from {prefix}_batch)"
        )
    return dropped


def drop_unlawful(con: duckdb.DuckDBPyConnection, prepared: Prepared, table: str, stamp: Stamp) -> int:
    """Judge the upserts of a table again and delete those without a basis; returns how many."""
    judged = basis_query(
        f"(select key, customer_id, contact_point from {table} where operation = 'upsert')",
        prepared.purpose,
        has_point=prepared.sync.contact_point is not None,
        has_holds=prepared.has_holds,
        audience=prepared.sync.audience,
    )
    # a set that is written anew keeps the row that is there: only what it never had can wait
    stops = "reason is not null" + (" or deferred is not null" if table.endswith("_batch") else "")
    con.execute(
        inlined(f"create or replace temp table {prepared.prefix}_now as {judged}", {"as_of": stamp.as_of})
    )
    con.execute(
        f"""
        update {table} as operations set
            consent_record_id = judged.consent_record_id,
            granted_at = judged.granted_at,
            grant_expires_at = judged.grant_expires_at
        from {prepared.prefix}_now as judged
        where judged.key = operations.key and operations.operation = 'upsert'
        """
    )
    gone = con.execute(
        f"""
        delete from {table}
        where operation = 'upsert' and key in (select key from {prepared.prefix}_now where {stops})
        """
    ).fetchall()
    return int(gone[0][0])


def _operations(con: duckdb.DuckDBPyConnection, prepared: Prepared) -> Iterator[tuple[int, Operation]]:
    """Operations by batch, with payloads straight from the sync model."""
    prefix, sync = prepared.prefix, prepared.sync
    rows = con.execute(
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
            batch.batch,
            batch.key,
            coalesce(batch.destination_key, batch.key) as destination_key,
            batch.operation,
            cast(batch.idempotency_key as varchar) as idempotency_key,
            if(batch.operation = 'upsert', payloads.payload, null) as payload,
        from batch
        left join payloads on payloads.key = batch.key
        order by batch.batch, batch.place, batch.key
        """
    ).fetchall()
    for number, key, destination_key, operation, idempotency_key, payload in rows:
        empty = sync.fill_empty if payload else ()
        yield number, Operation(key, destination_key, operation, idempotency_key, payload, sync.mode, empty)


def take_set(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> tuple[SetState, int, int]:
    """Commit all changes of a whole-set destination into the outbox, and describe the set it should hold.

    The basis of every row of the set is checked again, of unchanged ones too: they are handed over as well.
    Returns the set, the number of changes, and the number of rows that lost their basis since the plan.
    """
    prefix = prepared.prefix
    cut_batches(con, prepared, batch_size=1)
    with outbox.transaction(con):
        con.execute(
            f"""
            create or replace temp table {prefix}_set as
            select
                key, customer_id, contact_point, row_hash,
                cast(null as varchar) as consent_record_id,
                cast(null as timestamp) as granted_at,
                cast(null as timestamp) as grant_expires_at,
                'upsert' as operation
            from {prefix}_plan
            where is_wanted and action <> 'deferred'
            """
        )
        dropped = drop_unlawful(con, prepared, f"{prefix}_set", stamp)
        con.execute(
            f"""
            create or replace temp table {prefix}_batch as
            select
                ops.* replace (
                    {WHOLE_SET} as batch,
                    judged.consent_record_id as consent_record_id,
                    judged.granted_at as granted_at,
                    judged.grant_expires_at as grant_expires_at
                )
            from {prefix}_ops as ops
            left join {prefix}_set as judged on judged.key = ops.key and ops.operation = 'upsert'
            where ops.operation = 'remove' or judged.key is not null
            """
        )
        put(con, prepared, stamp)
        due = con.execute(f"select count(*) from {prefix}_batch").fetchall()[0][0]
        if due:
            outbox.hand_over(con, prepared.sync.name, WHOLE_SET)
        return _set_state(con, prepared, stamp), due, dropped


def _set_state(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> SetState:
    """The set; its fingerprint does not depend on the order of rows, and keys are unique in it."""
    prefix, key = prepared.prefix, f"cast(sync_rows.{quoted(prepared.sync.key)} as varchar)"
    rows, digest = con.execute(
        f"""
        select count(*), coalesce(bit_xor(md5_number(concat_ws(chr(31), key, row_hash))), 0) from {prefix}_set
        """
    ).fetchall()[0]
    return SetState(
        source=f"""
            from {quoted_relation(prepared.sync.relation)} as sync_rows
            where {key} in (select key from {prefix}_set)
            order by {key}
        """,
        columns=prepared.columns,
        rows=rows,
        fingerprint=f"{rows}-{digest}",
        run_id=stamp.run_id,
        now=stamp.now,
    )
