"""Decisions of people about duplicate records of a source, and the pairs they decide on.

Data flow: `cdp duplicates approve|reject`  ->  identity.duplicate_decisions (memory, append-only)  ->  the next build
->  marts.record_duplicates  ->  a sync of approved pairs

Identity joins records of one person here, by itself; what is merged in a CRM cannot be undone there, so a person decides.
"""

from datetime import UTC, datetime
from typing import Any

import duckdb

from cli.errors import CdpError, UsageError
from cli.warehouse import has_table

TABLES = (
    "create schema if not exists identity",
    "create table if not exists identity.duplicate_decisions (id bigint, pair_id varchar, verb varchar, kept_record_id varchar,"
    " author varchar, note varchar, decided_at timestamp)",
)
VERBS = ("approved", "rejected")
_LIST = """
select
    pairs.pair_id, pairs.state, pairs.source, pairs.kept_record_id, pairs.duplicate_record_id, pairs.customer_id,
    coalesce(newest.verb, 'open') <> pairs.state as waiting
from marts.record_duplicates as pairs
left join (
    select pair_id, last(verb order by id) as verb from identity.duplicate_decisions group by pair_id
) as newest on newest.pair_id = pairs.pair_id
where ($source is null or pairs.source = $source) and ($state is null or pairs.state = $state)
order by pairs.source, pairs.state <> 'open', pairs.pair_id
"""


def ensure(con: duckdb.DuckDBPyConnection) -> None:
    """Create the memory table where it is missing."""
    for statement in TABLES:
        con.execute(statement)


def listed(con: duckdb.DuckDBPyConnection, source: str | None, state: str | None) -> list[dict[str, Any]]:
    """Pairs, those without a decision first; `waiting`: the next build takes a decision in.

    Raises CdpError when no build has made the mart yet.
    """
    if not has_table(con, "marts", "record_duplicates") or not has_table(
        con, "identity", "duplicate_decisions"
    ):
        raise CdpError("there are no pairs yet: nothing was built", hint="`cdp run` builds them")
    found = con.execute(_LIST, {"source": source, "state": state})
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def decide(con: duckdb.DuckDBPyConnection, pair_id: str, verb: str, author: str, note: str) -> int:
    """Write a decision down, with the record that is kept as the pair stands now; returns its number.

    Raises UsageError for a pair that does not exist.
    """
    row = None
    if has_table(con, "marts", "record_duplicates"):
        row = con.execute(
            "select kept_record_id from marts.record_duplicates where pair_id = ?", [pair_id]
        ).fetchone()
    if row is None:
        raise UsageError(f"no pair `{pair_id}`", hint="see `cdp duplicates list`")
    made = con.execute(
        "insert into identity.duplicate_decisions select coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, ?"
        " from identity.duplicate_decisions returning id",
        [pair_id, verb, row[0], author, note, datetime.now(UTC).replace(tzinfo=None)],
    ).fetchone()
    assert made is not None
    return int(made[0])
