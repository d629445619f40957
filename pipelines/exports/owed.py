"""What no guard holds back: the removal of people whose refusal is on record.

Data flow: exports.ledger (for whom, and for which address, each row was sent) -> <prefix>_refused (rows whose basis is lost
by a word on record) -> <prefix>_owed (their removals, in the shape of <prefix>_plan)

A guard doubts the model, so the model is not asked: what the destination holds is judged by the ledger alone, and planned as
though the model were empty. That holds for missing and repeated keys too, whose guard doubts the keys of the model and not
those of the ledger. Only a word that somebody said or a date that has passed counts. That no grant is found, or that a word
is not understood, is just what a broken build looks like: those removals wait for the guard, and nothing is sent meanwhile.
A set (a file) is replaced whole or not at all: its former rows are kept nowhere, so nothing can be taken out of it alone.
"""

from datetime import datetime

import duckdb

from pipelines.exports.diff import diff_query, left_query
from pipelines.exports.lawful import basis_query
from pipelines.exports.specs import PurposeSpec, SyncSpec
from pipelines.exports.values import inlined, text

# the reasons of `basis_query` that are a word on record, or a date
REFUSALS = ("suppressed", "denied", "objected", "withdrawn", "expired")


def prepare(
    con: duckdb.DuckDBPyConnection,
    sync: SyncSpec,
    purpose: PurposeSpec,
    prefix: str,
    as_of: datetime,
    *,
    can_remove: bool,
) -> int:
    """Make `<prefix>_refused` and `<prefix>_owed`; returns how many removals are owed."""
    con.execute(f"create or replace temp table {prefix}_nothing as from {prefix}_hashed limit 0")
    con.execute(f"create or replace temp table {prefix}_refused as from {prefix}_basis limit 0")
    judge_left(con, sync, purpose, prefix, as_of, beside=f"{prefix}_nothing", into=f"{prefix}_refused")
    reasons = ", ".join(map(text, REFUSALS))
    con.execute(f"delete from {prefix}_refused where reason is null or reason not in ({reasons})")
    diff = diff_query(
        prefix,
        sync.mode,
        is_set=False,
        can_remove=can_remove,
        rows=f"{prefix}_nothing",
        basis=f"{prefix}_refused",
    )
    con.execute(
        inlined(
            f"""
        create or replace temp table {prefix}_owed as
        select * from ({diff}) where reason is not null and action in ('removed', 'retry')
        """,
            {"sync": sync.name},
        ),
    )
    return int(con.execute(f"select count(*) from {prefix}_owed").fetchall()[0][0])


def judge_left(
    con: duckdb.DuckDBPyConnection,
    sync: SyncSpec,
    purpose: PurposeSpec,
    prefix: str,
    as_of: datetime,
    *,
    beside: str,
    into: str,
    has_holds: bool = False,
) -> None:
    """Add to `into` what the destination may hold, is not in `beside`, and may not stay there now, with the reason.

    A row whose address nothing was ever said about is judged by its person.
    """
    con.execute(
        inlined(
            f"create or replace temp table {prefix}_left as {left_query(prefix, beside)}", {"sync": sync.name}
        )
    )
    for is_known in (True, False):
        judged = basis_query(
            f"(from {prefix}_left where contact_point is {'not ' if is_known else ''}null)",
            purpose,
            has_point=is_known and sync.contact_point is not None,
            has_holds=has_holds,
            audience=sync.audience,
            stopped_only=True,
        )
        con.execute(inlined(f"insert into {into} {judged}", {"as_of": as_of}))


def cut_down(con: duckdb.DuckDBPyConnection, prefix: str) -> None:
    """From here on the plan is what is owed, and nothing else."""
    con.execute(f"create or replace temp table {prefix}_plan as from {prefix}_owed")
