"""The ledger follows the people: rows keyed by a profile move to the profile it was merged into.

Data flow: marts.customer_redirects, exports.ledger  ->  export_absorbed (old key, new key), export_moves
(ledger key, key it gets)

Of all ledger rows that end at one profile, one moves (or the one already there stays); the others keep
their key and are removed from the destination. The moved row keeps its `destination_key`: the destination
knows the person under the old id, and that is the row to update. When a merge is undone, the row goes back
to that id.
"""

import duckdb

from pipelines.exports.schema import exists, quoted
from pipelines.exports.specs import SyncSpec
from pipelines.exports.values import inlined

MAX_HOPS = 50


def prepare(con: duckdb.DuckDBPyConnection, sync: SyncSpec, rows: str, prefix: str) -> None:
    """Make `<prefix>_ends` (every absorbed profile), `<prefix>_absorbed` and `<prefix>_moves`.

    The last two stay empty unless the key is the profile.
    """
    for table in ("ends", "absorbed", "moves"):
        con.execute(f"create or replace temp table {prefix}_{table} (old_key varchar, new_key varchar)")
    if not exists(con, "marts.customer_redirects"):
        return
    con.execute(f"insert into {prefix}_ends {_ends()}")
    if not sync.follows_customers:
        return
    con.execute(f"insert into {prefix}_absorbed from {prefix}_ends")
    if con.execute(f"select 1 from {prefix}_absorbed limit 1").fetchall():
        con.execute(inlined(f"insert into {prefix}_moves {_moves(prefix)}", {"sync": sync.name}))
    moved = "select 1 from exports.ledger where sync = $sync and destination_key <> key limit 1"
    if con.execute(inlined(moved, {"sync": sync.name})).fetchall():
        con.execute(inlined(f"insert into {prefix}_moves {_returns(rows, prefix)}", {"sync": sync.name}))


def follow(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str) -> None:
    """Write the moves into the ledger; call it inside a transaction."""
    # a removed row under the new key gives way, but its seq is kept: idempotency keys are never reused
    con.execute(
        inlined(
            f"""
        update exports.ledger as held
        set
            key = moves.new_key,
            customer_id = moves.new_key,
            seq = greatest(held.seq, coalesce(gone.seq, 0))
        from {prefix}_moves as moves
        left join (select key, seq from exports.ledger where sync = $sync and state = 'removed') as gone
            on gone.key = moves.new_key
        where held.sync = $sync and held.key = moves.old_key and held.state <> 'removed'
        """,
            {"sync": sync.name},
        ),
    )
    con.execute(
        inlined(
            f"""
        delete from exports.ledger
        where sync = $sync and state = 'removed' and key in (select new_key from {prefix}_moves)
        """,
            {"sync": sync.name},
        ),
    )


def _ends() -> str:
    """Each absorbed id with the id at the end of its chain of merges."""
    return f"""
    with recursive

    redirects as (
        select
            cast(old_customer_id as varchar) as old_key,
            cast(new_customer_id as varchar) as new_key
        from marts.customer_redirects
        where old_customer_id <> new_customer_id
    ),

    hops as (
        select old_key, new_key, 1 as hop from redirects
        union all
        select hops.old_key, redirects.new_key, hops.hop + 1
        from hops
        inner join redirects on redirects.old_key = hops.new_key
        where hops.hop < {MAX_HOPS}
    )

    select old_key, arg_max(new_key, hop) as new_key from hops group by old_key
    """


def _moves(prefix: str) -> str:
    """One ledger row per surviving profile that has none: an accepted one first, then the smallest key."""
    return f"""
    with

    held as (
        select key, acked_hash from exports.ledger where sync = $sync and state <> 'removed'
    )

    select absorbed.old_key, absorbed.new_key
    from held
    inner join {prefix}_absorbed as absorbed on absorbed.old_key = held.key
    anti join held as settled on settled.key = absorbed.new_key
    qualify row_number() over (
        partition by absorbed.new_key order by held.acked_hash is not null desc, absorbed.old_key
    ) = 1
    """


def _returns(rows: str, prefix: str) -> str:
    """Rows that had moved and whose first profile is alive again (a merge was undone)."""
    return f"""
    with

    held as (
        select key, destination_key from exports.ledger where sync = $sync and state <> 'removed'
    )

    select held.key as old_key, held.destination_key as new_key
    from held
    semi join {quoted(rows)} as sync_rows on sync_rows.key = held.destination_key
    anti join held as settled on settled.key = held.destination_key
    anti join {prefix}_moves as moves on moves.old_key = held.key
    where held.destination_key <> held.key
    """
