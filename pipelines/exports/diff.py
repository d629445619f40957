"""The comparison of a sync model with the ledger, as one SQL statement.

Data flow: <prefix>_rows, <prefix>_basis, exports.ledger (after <prefix>_moves)  ->  one row per key with
its action

Actions: added, changed, retry (not yet accepted), removed, unchanged; settled and closed are put right in
the ledger without a request; none.
"""


def diff_query(prefix: str, *, mirrors: bool) -> str:
    """One row per key of model or ledger, with its action.

    `may_hold` is the fail-safe side of a crash: an operation that got no answer may have arrived.
    """
    return f"""
    with

    gone as (
        -- gives way to the row that moves onto its key, which counts on from its seq
        select key, seq
        from exports.ledger
        where sync = $sync and state = 'removed' and key in (select new_key from {prefix}_moves)
    ),

    held as (
        select
            coalesce(moves.new_key, ledger.key) as key,
            ledger.customer_id,
            ledger.state,
            greatest(ledger.seq, coalesce(gone.seq, 0)) as seq,
            ledger.operation,
            ledger.row_hash,
            ledger.acked_hash,
            ledger.in_doubt,
            ledger.destination_key,
            ledger.idempotency_key,
            ledger.batch_key,
            absorbed.old_key is not null and moves.old_key is null as is_absorbed
        from exports.ledger as ledger
        left join {prefix}_moves as moves on moves.old_key = ledger.key and ledger.state <> 'removed'
        left join gone on gone.key = moves.new_key
        left join {prefix}_absorbed as absorbed on absorbed.old_key = ledger.key
        where
            ledger.sync = $sync
            and not (ledger.state = 'removed' and ledger.key in (select key from gone))
    ),

    joined as (
        select
            coalesce(sync_rows.key, held.key) as key,
            coalesce(sync_rows.customer_id, held.customer_id) as customer_id,
            sync_rows.contact_point,
            sync_rows.row_hash,
            sync_rows.key is not null and basis.reason is null as is_wanted,
            basis.reason,
            basis.consent_record_id,
            held.state,
            coalesce(held.seq, 0) as seq,
            held.operation as last_operation,
            held.row_hash as last_hash,
            held.acked_hash,
            coalesce(held.in_doubt, false) as in_doubt,
            held.destination_key,
            held.idempotency_key,
            held.batch_key,
            coalesce(
                held.acked_hash is not null or held.in_doubt or held.state = 'pending', false
            ) as may_hold,
            {"true" if mirrors else "coalesce(held.is_absorbed, false)"} as may_remove
        from {prefix}_rows as sync_rows
        left join {prefix}_basis as basis on basis.key = sync_rows.key
        full join held on held.key = sync_rows.key
    ),

    final as (
        select
            *,
            case
                when is_wanted and (state is null or state = 'removed') then 'added'
                when is_wanted and state = 'acked' and acked_hash = row_hash then 'unchanged'
                when is_wanted and state = 'acked' then 'changed'
                -- refused for certain, and now back at what the destination holds
                when is_wanted and state = 'rejected' and not in_doubt and acked_hash = row_hash
                    then 'settled'
                when is_wanted then 'retry'
                when state = 'removed' then 'none'
                when not may_hold and state is not null then 'closed'
                when not may_hold or not may_remove then 'none'
                when state in ('pending', 'rejected') and last_operation = 'remove' then 'retry'
                else 'removed'
            end as action
        from joined
    )

    select * from final
    """
