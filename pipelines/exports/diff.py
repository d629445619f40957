"""The comparison of a sync model with the ledger, as one SQL statement.

Data flow: <prefix>_rows, <prefix>_basis (rows that may not go now), exports.ledger (after <prefix>_moves)  ->  one row per
key with its action

Data flow of the narrow part: <prefix>_rows, exports.ledger  ->  <prefix>_stirred (keys)  ->  <prefix>_hashed (their rows)

Actions: added, changed, retry (not yet accepted), removed, unchanged, deferred (a hold says later); settled, closed and marked
are put right in the ledger without a request; none.
"""

from pipelines.exports.specs import MIRRORS, WITHDRAWS, Mode
from pipelines.exports.values import digest


def stirred_query(prefix: str, mode: Mode) -> str:
    """Keys about which there is something to say: all but those whose row is where and as it should be, or long gone.

    Two narrow columns of both sides, so that most of a million rows never meet the many joins of `diff_query`.
    """
    unchanged = "true" if mode == "append" else "held.acked_mark = sync_rows.row_mark"
    return f"""
    select coalesce(sync_rows.key, held.key) as key
    from {prefix}_rows as sync_rows
    full join (select key, state, acked_mark from exports.ledger where sync = $sync) as held on held.key = sync_rows.key
    where
        case
            when held.key is null then true
            when sync_rows.key is null then held.state <> 'removed'
            else held.state <> 'acked' or not coalesce({unchanged}, false)
        end
    union
    select key from {prefix}_basis
    union
    select unnest([old_key, new_key]) as key from {prefix}_moves
    union
    select old_key as key from {prefix}_absorbed
    """


def diff_query(
    prefix: str,
    mode: Mode,
    *,
    is_set: bool,
    can_remove: bool,
    rows: str | None = None,
    basis: str | None = None,
) -> str:
    """One row per key of model or ledger, with its action; only those that need something done, unless `is_set`.

    `rows` and `basis` are tables other than `<prefix>_hashed` and `<prefix>_basis`; with rows of its own the whole ledger counts,
    not only what is stirred.
    `is_set`: the destination holds a whole set, so that what left cannot stay and a change cannot wait. `may_hold` is the
    fail-safe side of a crash: an operation that got no answer may have arrived. A row the destination had before us
    (`is_ours` false) is not removed.
    """
    if not can_remove:
        may_remove = "false"
    elif is_set or mode in MIRRORS:
        may_remove = "coalesce(held.is_ours, true)"
    elif mode in WITHDRAWS:
        may_remove = (
            "coalesce(held.is_ours, true) and (coalesce(held.is_absorbed, false) or basis.reason is not null)"
        )
    else:
        may_remove = "false"
    # a deferred change of a set would have to leave out the row that is there; only new rows can wait
    waits = "deferred is not null" + (" and acked_hash is null and not may_hold" if is_set else "")
    kept = "" if is_set else "where action not in ('unchanged', 'none')"
    stirred = "" if is_set or rows else f"semi join {prefix}_stirred as stirred on stirred.key ="
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
            ledger.acked_mark,
            ledger.in_doubt,
            ledger.is_ours,
            ledger.destination_key,
            ledger.idempotency_key,
            ledger.batch_key,
            absorbed.old_key is not null and moves.old_key is null as is_absorbed
        from exports.ledger as ledger
        left join {prefix}_moves as moves on moves.old_key = ledger.key and ledger.state <> 'removed'
        left join gone on gone.key = moves.new_key
        left join {prefix}_absorbed as absorbed on absorbed.old_key = ledger.key
        {stirred and f"{stirred} coalesce(moves.new_key, ledger.key)"}
        where
            ledger.sync = $sync
            and not (ledger.state = 'removed' and ledger.key in (select key from gone))
    ),

    sync_rows as (
        from {rows or f"{prefix}_hashed"}
    ),

    joined as (
        select
            coalesce(sync_rows.key, held.key) as key,
            coalesce(sync_rows.customer_id, held.customer_id) as customer_id,
            sync_rows.contact_point,
            sync_rows.row_hash,
            sync_rows.row_mark,
            sync_rows.key is not null and basis.reason is null as is_wanted,
            basis.reason,
            basis.deferred,
            held.state,
            coalesce(held.seq, 0) as seq,
            held.operation as last_operation,
            held.row_hash as last_hash,
            held.acked_hash,
            held.acked_mark,
            coalesce(held.in_doubt, false) as in_doubt,
            held.destination_key,
            held.idempotency_key,
            held.batch_key,
            coalesce(
                held.acked_hash is not null or held.in_doubt or held.state = 'pending' and held.batch_key is not null,
                false
            ) as may_hold,
            {may_remove} as may_remove
        from sync_rows
        full join held on held.key = sync_rows.key
        left join {basis or f"{prefix}_basis"} as basis on basis.key = coalesce(sync_rows.key, held.key)
    ),

    acted as (
        select
            *,
            case
                when is_wanted and (state is null or state = 'removed') then 'added'
                when is_wanted and state = 'acked' and {"true" if mode == "append" else "acked_hash = row_hash"}
                    then if(acked_hash = row_hash and acked_mark is distinct from row_mark, 'marked', 'unchanged')
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
            end as due
        from joined
    ),

    final as (
        select
            * exclude (due),
            case
                when is_wanted and due in ('added', 'changed', 'retry') and {waits} then 'deferred'
                else due
            end as action
        from acted
    )

    select * from final {kept}
    """


def left_query(prefix: str, beside: str) -> str:
    """Rows the destination may hold that are not in `beside`, with the address they were sent for: their basis counts on.

    The ledger keeps a hash of the address; it is told by what was ever said or suppressed about it.
    """
    return f"""
    with

    addresses as (
        select distinct lower(trim(contact_point)) as contact_point
        from (
            select contact_point from marts.consents
            union all
            select contact_point from customer.suppressions
        )
        where contact_point is not null
    ),

    held as (
        select
            coalesce(moves.new_key, ledger.key) as key,
            coalesce(ends.new_key, ledger.customer_id) as customer_id,
            ledger.contact_point_hash
        from exports.ledger as ledger
        left join {prefix}_moves as moves on moves.old_key = ledger.key
        left join {prefix}_ends as ends on ends.old_key = ledger.customer_id
        where
            ledger.sync = $sync
            and ledger.state <> 'removed'
            and (ledger.acked_hash is not null or ledger.in_doubt or ledger.state = 'pending')
    )

    select held.key, held.customer_id, addresses.contact_point
    from held
    left join addresses on {digest("addresses.contact_point")} = held.contact_point_hash
    anti join {beside} as sync_rows on sync_rows.key = held.key
    """
