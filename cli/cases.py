"""Decisions of people about closed-loop cases, and the list of cases they decide on.

Data flow: `cdp cases assign|close`  ->  cases.decisions (memory, append-only)  ->  the next build  ->  marts.cx_cases

A decision names a case by its id. When a merge of profiles or a late answer makes two cases one, the old id still leads to
the case (`customer.int_cases__members`), so no decision is lost. Rows hold ids and what a colleague typed, no customer's name.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from cli.errors import CdpError, UsageError
from cli.warehouse import has_table

TABLES = (
    "create schema if not exists cases",
    "create table if not exists cases.decisions (id bigint, case_id varchar, verb varchar, owner varchar, author varchar,"
    ' note varchar, "at" timestamp)',
)
VERBS = ("assign", "close", "reopen")
COLUMNS = (
    "case_id", "status", "is_open", "is_overdue", "is_reopened", "due_at", "owner", "touchpoint", "trigger_kind", "score",
    "opened_at", "first_contact_at", "value_at_risk", "customer_id",
)  # fmt: skip
_LIST = f"""
with known as (
    select members.case_id, count(*) as decisions
    from cases.decisions as decisions
    inner join customer.int_cases__members as members on decisions.case_id = members.trigger_id
    group by members.case_id
)
select {", ".join(f"cases.{name}" for name in COLUMNS)}, coalesce(known.decisions, 0) - cases.decisions as waiting
from marts.cx_cases as cases
left join known on cases.case_id = known.case_id
where ($owner is null or cases.owner = $owner)
    and (not $overdue or cases.is_overdue)
    and (not $open_only or cases.is_open)
order by cases.is_open desc, cases.value_at_risk desc, cases.due_at, cases.case_id
"""


@dataclass(frozen=True)
class Case:
    """A case as the last build knows it, and whether a decision to close it waits for the next one."""

    case_id: str
    is_open: bool


def ensure(con: duckdb.DuckDBPyConnection) -> None:
    """Create the memory table where it is missing."""
    for statement in TABLES:
        con.execute(statement)


def listed(
    con: duckdb.DuckDBPyConnection, owner: str | None, overdue: bool, open_only: bool
) -> list[dict[str, Any]]:
    """Cases, the open ones first and of those the most valuable; `waiting` counts decisions the next build takes in.

    Raises CdpError when no build has made the mart yet.
    """
    if not has_table(con, "marts", "cx_cases") or not has_table(con, "cases", "decisions"):
        raise CdpError("there are no cases yet: nothing was built", hint="`cdp run` builds them")
    found = con.execute(_LIST, {"owner": owner, "overdue": overdue, "open_only": open_only})
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def find(con: duckdb.DuckDBPyConnection, name: str) -> Case:
    """The case of that id, also of one that another case has taken in.

    Raises UsageError when there is none.
    """
    row = None
    if has_table(con, "marts", "cx_cases"):
        row = con.execute(
            "select cases.case_id, cases.is_open, cases.decisions from marts.cx_cases as cases"
            " inner join customer.int_cases__members as members on cases.case_id = members.case_id"
            " where members.trigger_id = lower(?)",
            [name],
        ).fetchone()
    if row is None:
        raise UsageError(f"no case `{name}`", hint="see `cdp cases list`")
    made = con.execute(
        "select decisions.verb from cases.decisions as decisions"
        " inner join customer.int_cases__members as members on decisions.case_id = members.trigger_id"
        " where members.case_id = ? order by decisions.id",
        [row[0]],
    ).fetchall()
    is_open = bool(row[1])
    for (verb,) in made[int(row[2]) :]:
        is_open = is_open if verb == "assign" else verb == "reopen"
    return Case(str(row[0]), is_open)


def decide(
    con: duckdb.DuckDBPyConnection, case_id: str, verb: str, owner: str | None, author: str, note: str
) -> int:
    """Write a decision down; returns its number.

    It is made on what the last build showed, so it is never older than that build's `as_of`: a pinned clock may run ahead.
    """
    row = con.execute(
        "insert into cases.decisions select coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?,"
        " greatest(?, (select max(as_of) from ops.clock)) from cases.decisions returning id",
        [case_id, verb, owner, author, note, datetime.now(UTC).replace(tzinfo=None)],
    ).fetchone()
    assert row is not None
    return int(row[0])
