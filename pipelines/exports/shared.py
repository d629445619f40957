"""Rows of one sync that a destination knows by the same thing: two people with one address are one member of its list.

What leaves with one of them must stay for the other. A destination asks before it takes anything out: which other rows are
known by this too? All that this run does not remove count, those it will change as well: whoever is known by something else
afterwards takes the rest out then. The operations of the request itself do not: their destination sees what becomes of them.
"""

from collections.abc import Collection, Sequence
from functools import partial

import duckdb

from pipelines.exports.destinations.base import Operation, Others
from pipelines.exports.plan import Prepared


def others_of(con: duckdb.DuckDBPyConnection, prepared: Prepared) -> Others:
    """The question of a destination that is sending the batches of this sync."""
    return partial(_others, con, prepared)


def _others(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    names: Collection[str],
    operations: Sequence[Operation],
) -> list[str]:
    """Destination keys of the rows that stay and have one of these names as a word in theirs."""
    if not names:
        return []
    found = con.execute(
        f"""
        with

        leaving as (
            select key from {prepared.prefix}_ops where operation = 'remove'
            union all
            select unnest(cast($keys as varchar[])) as key
        ),

        staying as (
            select ledger.destination_key
            from exports.ledger as ledger
            anti join leaving on leaving.key = ledger.key
            where
                ledger.sync = $sync
                and ledger.state <> 'removed'
                and (ledger.acked_hash is not null or ledger.in_doubt or ledger.state = 'pending')
        ),

        words as (
            select destination_key, unnest(regexp_extract_all(destination_key, '[^\\s"{{}},:\\[\\]]+')) as word
            from staying
        )

        select distinct destination_key
        from words
        where word in (select unnest(cast($names as varchar[])))
        """,
        {"sync": prepared.sync.name, "names": list(names), "keys": [one.key for one in operations]},
    ).fetchall()
    return [str(key) for (key,) in found]
