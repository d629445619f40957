"""Rows of one sync that a destination knows by the same thing: two people with one address are one member of its list.

What leaves with one of them must stay for the other. A destination asks before it takes anything out: which other rows are
known by this too? All that this run does not remove count, those it will change as well: whoever is known by something else
afterwards takes the rest out then. The operations of the request itself do not: their destination sees what becomes of them.
"""

from collections.abc import Collection, Sequence
from functools import partial
from threading import Lock

import duckdb

from pipelines.exports.destinations.base import Operation, Others
from pipelines.exports.plan import Prepared


def others_of(con: duckdb.DuckDBPyConnection, prepared: Prepared, turn: Lock) -> Others:
    """The question of a destination that is sending the batches of this sync; `turn`: whose turn it is to use `con`."""
    return partial(_others, con, prepared, turn)


def _others(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    turn: Lock,
    names: Collection[str],
    operations: Sequence[Operation],
) -> list[str]:
    """Destination keys of the rows that stay and have one of these names as a word in theirs."""
    if not names:
        return []
    asked = f"""
        with

        leaving as (
            select key from {prepared.prefix}_ops where operation = 'remove'
            union all
            select unnest(cast($keys as varchar[])) as key
        ),

        answered as (
            select distinct batch from exports.answers where sync = $sync and outcome <> 'handed'
        ),

        -- batches of this run whose answer the ledger does not know yet
        news as (
            select
                outbox.key,
                coalesce(answers.destination_key, outbox.destination_key) as destination_key
            from exports.outbox as outbox
            semi join answered on answered.batch = outbox.batch
            left join exports.answers as answers
                on answers.sync = outbox.sync
                and answers.batch = outbox.batch
                and answers.key = outbox.key
            where outbox.sync = $sync
        ),

        held as (
            select ledger.key, ledger.destination_key
            from exports.ledger as ledger
            anti join news on news.key = ledger.key
            where
                ledger.sync = $sync
                and ledger.state <> 'removed'
                and (ledger.acked_hash is not null or ledger.in_doubt or ledger.state = 'pending')
            union all
            select key, destination_key from news
        ),

        staying as (
            select held.destination_key from held anti join leaving on leaving.key = held.key
        ),

        words as (
            select destination_key, unnest(regexp_extract_all(destination_key, '[^\\s"{{}},:\\[\\]]+')) as word
            from staying
        )

        select distinct destination_key
        from words
        where word in (select unnest(cast($names as varchar[])))
        """
    values = {"sync": prepared.sync.name, "names": list(names), "keys": [one.key for one in operations]}
    with turn:
        found = con.execute(asked, values).fetchall()
    return [str(key) for (key,) in found]
