"""`cdp why`: why was this person sent to a destination, or why not.

Data flow: activation.sync_* (is the row there, its reasons), marts.audience_members and audience_history, the lawful basis
judged now, customer.send_holds, exports.ledger, exports.deliveries  -> one plain dictionary

A profile is named by any identifier, as in `cdp customer show`. Deliveries of profiles it has absorbed since belong to it.
"""

from datetime import datetime
from typing import Any

import duckdb

from cli.errors import UsageError
from cli.identity_records import customer_of
from pipelines.exports import PurposeSpec, SyncSpec
from pipelines.exports.lawful import address, basis_query
from pipelines.exports.plan import utc
from pipelines.exports.rows import sent_columns
from pipelines.exports.schema import exists, quoted, quoted_relation

DELIVERIES = 20
_AUDIENCES = """
select audience, event, changed_at
from marts.audience_history where customer_id = ? order by changed_at desc, audience limit 20
"""
_CONSENTS = """
select contact_point, channel, state, basis, obtained_at, expires_at, consent_record_id
from marts.consents where customer_id = ? and purpose = ? order by obtained_at desc nulls first, consent_record_id
"""
_HOLDS = """
select audience, reason, is_deferred
from customer.send_holds where customer_id = ? and purpose = ? and (audience is null or audience = ?) order by all
"""
_LEDGER = """
select key, state, operation, seq, is_ours, in_doubt, destination_key, reason, attempts, updated_run_id, updated_at
from exports.ledger
where sync = ? and (customer_id in (select unnest(?)) or key in (select unnest(?))) order by key
"""
_SENT = """
select sent_at, key, operation, status, reason, purpose, basis, consent_record_id, granted_at, judged_at, run_id
from exports.deliveries
where sync = ? and (customer_id in (select unnest(?)) or key in (select unnest(?))) order by sent_at desc, key limit ?
"""


def why(
    con: duckdb.DuckDBPyConnection, who: str, sync: SyncSpec, purpose: PurposeSpec, as_of: datetime
) -> dict[str, Any]:
    """Everything that decides about one person and one sync, and what happened.

    Raises UsageError when nobody, or more than one profile, is known by `who`, CdpError when nothing is built.
    """
    customer_id = customer_of(con, who)
    columns = sent_columns(con, sync)
    rows = _model_rows(con, sync, customer_id)
    verdicts = _verdicts(con, sync, purpose, customer_id, as_of)
    keys = [str(row[sync.key]) for row in rows]
    ids = [customer_id] + [
        str(old)
        for (old,) in con.execute(
            "select old_customer_id from marts.customer_redirects where new_customer_id = ? order by 1",
            [customer_id],
        ).fetchall()
    ]
    held = _rows(con, _LEDGER, [sync.name, ids, keys])
    return {
        "customer_id": customer_id,
        "sync": sync.name,
        "destination": sync.destination,
        "mode": sync.mode,
        "purpose": {"name": purpose.name, "basis": purpose.basis, "channel": purpose.channel},
        "in_model": bool(rows),
        "rows": [
            {
                "key": str(row[sync.key]),
                "why": {name: value for name, value in row.items() if "reason" in name},
                "verdict": verdicts.get(str(row[sync.key])),
            }
            for row in rows
        ],
        "columns_sent": list(columns),
        "audiences": _rows(con, _AUDIENCES, [customer_id]),
        "consents": _rows(con, _CONSENTS, [customer_id, purpose.name]),
        "holds": (
            _rows(con, _HOLDS, [customer_id, purpose.name, sync.audience])
            if exists(con, "customer.send_holds")
            else []
        ),
        "ledger": held,
        "deliveries": _rows(con, _SENT, [sync.name, ids, keys, DELIVERIES]),
        "conclusion": _conclusion(rows, verdicts, held),
    }


def _model_rows(con: duckdb.DuckDBPyConnection, sync: SyncSpec, customer_id: str) -> list[dict[str, Any]]:
    return _rows(
        con,
        f"select * from {quoted_relation(sync.relation)}"
        f" where cast({quoted(sync.customer_id)} as varchar) = ? order by {quoted(sync.key)} limit 20",
        [customer_id],
    )


def _verdicts(
    con: duckdb.DuckDBPyConnection, sync: SyncSpec, purpose: PurposeSpec, customer_id: str, as_of: datetime
) -> dict[str, dict[str, Any]]:
    """By key: may it be sent now, and by which consent or not for which reason."""
    point = address(quoted(sync.contact_point)) if sync.contact_point else "cast(null as varchar)"
    asked = f"""(
        select
            cast({quoted(sync.key)} as varchar) as key,
            cast({quoted(sync.customer_id)} as varchar) as customer_id,
            {point} as contact_point
        from {quoted_relation(sync.relation)}
        where cast({quoted(sync.customer_id)} as varchar) = $who
    )"""
    query = basis_query(
        asked,
        purpose,
        has_point=sync.contact_point is not None,
        has_holds=exists(con, "customer.send_holds"),
        audience=sync.audience,
    )
    answers = con.execute(query, {"as_of": utc(as_of), "who": customer_id}).fetchall()
    return {
        str(key): {
            "may_be_sent": reason is None and deferred is None,
            "reason": reason,
            "deferred": deferred,
            "consent_record_id": consent,
            "granted_at": granted,
            "grant_expires_at": expires,
        }
        for key, reason, deferred, consent, granted, expires in answers
    }


def _conclusion(
    rows: list[dict[str, Any]], verdicts: dict[str, dict[str, Any]], held: list[dict[str, Any]]
) -> str:
    """One sentence."""
    states = {one["state"] for one in held}
    there = (
        "the destination has accepted the row"
        if "acked" in states
        else "an answer of the destination is missing"
        if "pending" in states
        else "the destination refused the row"
        if "rejected" in states
        else "the row was removed from the destination"
        if states
        else "nothing was ever sent"
    )
    if not rows:
        return f"not in the sync model; {there}"
    stops = sorted(
        {one["reason"] or f"{one['deferred']} (waits)" for one in verdicts.values() if not one["may_be_sent"]}
    )
    may = f"may not be sent now: {', '.join(stops)}" if stops else "may be sent"
    return f"in the sync model; {may}; {there}"


def _rows(con: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> list[dict[str, Any]]:
    cursor = con.execute(sql, values)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def sync_named(syncs: list[SyncSpec], name: str) -> SyncSpec:
    """The sync of that name. Raises UsageError that lists what exists."""
    for sync in syncs:
        if name in (sync.name, sync.relation.split(".")[-1]):
            return sync
    known = ", ".join(sorted(sync.name for sync in syncs)) or "none"
    raise UsageError(f"no sync is named {name}", hint=f"syncs: {known}")
