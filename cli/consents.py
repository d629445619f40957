"""What one person said about being written to, and what it means now.

Data flow: marts.consents, customer.suppressions, customer.send_holds -> the exports' own judgement (`basis_query`) for each
address and purpose -> one plain dictionary. The command and the sender can therefore not disagree.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import duckdb

from cli import audiences, warehouse
from cli.errors import CdpError
from cli.identity_records import customer_of
from pipelines.exports.lawful import FAMILY, address, basis_query
from pipelines.exports.plan import utc
from pipelines.exports.specs import PurposeSpec

MAIL = ("email",)
TELEPHONE = ("phone", "sms", "mms", "rcs", "whatsapp", "viber", "zalo")

_STATEMENTS = """
select
    purpose, channel, contact_point, state, basis, obtained_at, expires_at, policy_version, proof, source, consent_record_id
from marts.consents where customer_id = ? order by purpose, channel, contact_point nulls first
"""
_POINTS = f"""
with points as (
    select {address("value")} as contact_point, type from marts.customer_identifiers
    where customer_id = $who and type in ('email', 'phone')
    union
    select {address("contact_point")}, case when contact_point like '%@%' then 'email' else 'phone' end from marts.consents
    where customer_id = $who
)
select contact_point, type from points where contact_point is not null order by type, contact_point
"""
_UNCOUNTED = """
select purpose, channel, contact_point, occurred_at, proof, record_id
from customer.int_consent__events where customer_id = ? and state = 'granted' and not is_exact order by all
"""
_SUPPRESSIONS = f"""
select contact_point, channel, reason, since from customer.suppressions
where customer_id = $who or {address("contact_point")} in (select unnest($points)) order by all
"""
_HOLDS = """
select purpose, audience, reason, is_deferred from customer.send_holds where customer_id = ? order by all
"""


def consents(
    con: duckdb.DuckDBPyConnection, who: str, purposes: Mapping[str, PurposeSpec], as_of: datetime
) -> dict[str, Any]:
    """Everything about one profile, named by address, phone, record or id.

    `statements`: what stands per contact point, channel and purpose, with proof. `uncounted`: grants that only a probable link
    or a device ties to the person. `now`: each purpose and address at `as_of`: `may` by law, else `why_not`, and the holds:
    `held_by`, `waits_for` (pass by themselves), `audiences` whose syncs leave the person out, with the reason.

    Raises UsageError when nobody, or more than one profile, is known by it, CdpError when nothing is built.
    """
    if not warehouse.has_table(con, "marts", "consents"):
        raise CdpError("there are no consents yet: the warehouse has no marts", hint="build them: `cdp run`")
    customer_id = customer_of(con, who)
    points = [
        (str(row["contact_point"]), str(row["type"]))
        for row in audiences.rows(con, _POINTS, {"who": customer_id})
    ]
    holds = audiences.rows(con, _HOLDS, [customer_id])
    named = {"who": customer_id, "points": [point for point, _ in points]}
    return {
        "customer_id": customer_id,
        "as_of": utc(as_of),
        "statements": audiences.rows(con, _STATEMENTS, [customer_id]),
        "uncounted": audiences.rows(con, _UNCOUNTED, [customer_id]),
        "suppressions": audiences.rows(con, _SUPPRESSIONS, named),
        "now": [
            line
            for purpose in purposes.values()
            for line in _now(con, customer_id, purpose, points, holds, as_of)
        ],
    }


def _now(
    con: duckdb.DuckDBPyConnection,
    customer_id: str,
    purpose: PurposeSpec,
    points: list[tuple[str, str]],
    holds: list[dict[str, Any]],
    as_of: datetime,
) -> Iterator[dict[str, Any]]:
    """The purpose at each address that its channel reaches; once without one where there is none."""
    reached: list[str | None] = [point for point, kind in points if _reaches(purpose, kind)]
    if purpose.channel is None:
        reached = [None]
    rows = [(str(n), customer_id, point) for n, point in enumerate(reached or [None])]
    con.execute(
        "create or replace temp table consents_asked (key varchar, customer_id varchar, contact_point varchar)"
    )
    con.executemany("insert into consents_asked values (?, ?, ?)", rows)
    judged = con.execute(
        basis_query("consents_asked", purpose, has_point=purpose.channel is not None), {"as_of": utc(as_of)}
    )
    names = [column[0] for column in judged.description or []]
    found = {row[names.index("key")]: dict(zip(names, row, strict=True)) for row in judged.fetchall()}
    mine = [hold for hold in holds if hold["purpose"] == purpose.name]
    for key, _, point in rows:
        yield {
            "purpose": purpose.name,
            "basis": purpose.basis,
            "channel": purpose.channel,
            "contact_point": point,
            "may": found[key]["reason"] is None,
            "why_not": found[key]["reason"],
            "consent_record_id": found[key]["consent_record_id"],
            "held_by": [hold["reason"] for hold in mine if not hold["audience"] and not hold["is_deferred"]],
            "waits_for": [hold["reason"] for hold in mine if not hold["audience"] and hold["is_deferred"]],
            "audiences": {hold["audience"]: hold["reason"] for hold in mine if hold["audience"]},
        }


def _reaches(purpose: PurposeSpec, kind: str) -> bool:
    """Whether the purpose's channel goes to mail addresses, to numbers, or (ads) to either."""
    channel = (purpose.channel or "").lower()
    channel = FAMILY.get(channel, channel)
    if channel in MAIL:
        return kind == "email"
    return kind == "phone" if channel in TELEPHONE else True
