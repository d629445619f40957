"""Rows of one sync that a destination knows by the same thing: two people with one address are one member of its list.

What leaves with one of them must stay for the other. A destination asks before it takes anything out: which other rows are
known by this too? All that this run does not remove count, those it will change as well: whoever is known by something else
afterwards takes the rest out then. The operations of the request itself do not: their destination sees what becomes of them.

Data flow: <prefix>_plan (keys that leave), exports.ledger, exports.outbox and exports.answers (requests of this run that are
not in the ledger yet)  -> destination keys of rows that stay
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import duckdb

from pipelines.exports.destinations.base import Operation, RowDestination, nobody
from pipelines.exports.plan import Prepared

_STAYING = """
with

told as (
    select
        outbox.key,
        -- what was accepted has one name, what was not may have all that were noted
        coalesce(max(answers.destination_key), any_value(outbox.destination_key)) as destination_key
    from exports.outbox as outbox
    inner join exports.answers as answers
        on answers.sync = outbox.sync
        and answers.batch = outbox.batch
        and (answers.key is null or answers.key = outbox.key)
        and answers.outcome <> 'handed'
    where outbox.sync = $sync
    group by outbox.key
),

held as (
    select ledger.key, ledger.destination_key
    from exports.ledger as ledger
    anti join told on told.key = ledger.key
    where
        ledger.sync = $sync
        and ledger.state <> 'removed'
        and (ledger.acked_hash is not null or ledger.in_doubt or ledger.state = 'pending')
    union all
    select key, destination_key from told
),

staying as (
    select destination_key
    from held
    anti join export_leaving as leaving on leaving.key = held.key
    where held.key not in (select unnest(cast($keys as varchar[])))
),

words as (
    select destination_key, unnest(regexp_extract_all(destination_key, $word)) as word
    from staying
)

select distinct destination_key
from words
where word in (select unnest(cast($names as varchar[])))
"""
WORD = r'[^\s"{},:\[\]]+'


@contextmanager
def sharing(
    con: duckdb.DuckDBPyConnection, prepared: Prepared, destination: RowDestination
) -> Iterator[None]:
    """Let a destination that asks know who else is the same there, on a connection of its thread."""
    if not hasattr(destination, "others"):
        yield
        return
    leaving = con.execute(
        f"select key from {prepared.prefix}_plan where action in ('removed', 'retry') and not is_wanted"
    ).fetchall()
    own = con.cursor()
    try:
        own.execute("create temp table export_leaving (key varchar)")
        own.execute(
            "insert into export_leaving select unnest(cast($1 as varchar[]))", [[key for (key,) in leaving]]
        )
        destination.others = partial(_others, own, prepared.sync.name)
        yield
    finally:
        destination.others = nobody
        own.close()


def _others(
    con: duckdb.DuckDBPyConnection, sync: str, names: Collection[str], operations: Sequence[Operation]
) -> list[str]:
    """Destination keys of the rows that stay and have one of these names as a word in theirs."""
    if not names:
        return []
    values = {"sync": sync, "names": list(names), "keys": [one.key for one in operations], "word": WORD}
    return [str(key) for (key,) in con.execute(_STAYING, values).fetchall()]
