"""One customer from the private warehouse: who they are, where each value comes from, what they did.

Data flow: identity (any identifier, record or id -> customer_id) and marts, customer -> one plain dictionary.
It is personal data, whole: it goes to the one who asked, never into a log or the published file.
"""

from typing import Any

import duckdb

from cli import warehouse
from cli.errors import CdpError
from cli.identity_records import customer_of

TOUCHES = 20
# Somebody with hundreds of orders has as many records: the first few of a kind are enough to follow up.
EXAMPLES = 5

# shown field -> the golden record's column that says which source it is from
FIELDS = {
    "full_name": "name",
    "first_name": "name",
    "last_name": "name",
    "email": "email",
    "phone": "phone",
    "street": "address",
    "city": "address",
    "region": "address",
    "postal_code": "address",
    "country": "address",
    "birth_date": "birth_date",
    "gender": "gender",
    "language": "language",
    "company": "company",
    "job_title": "job_title",
}
BUYING = (
    "orders", "revenue", "average_order_value", "refunds", "first_order_at", "last_order_at", "rfm_score",
    "rfm_segment",
)  # fmt: skip
DOING = ("first_seen_at", "last_seen_at", "sessions", "last_session_at", "tickets", "open_tickets")
METRICS = ("nps", "csat", "ces")

_IDENTIFIERS = """
select type, value, scope, source_count, first_seen_at, last_seen_at, is_primary, refused_because
from marts.customer_identifiers where customer_id = ?
order by type, is_primary desc, last_seen_at desc nulls last, value, scope
"""
_CONSENTS = """
select purpose, channel, contact_point, state, basis, obtained_at, expires_at
from marts.consents where customer_id = ? order by purpose, channel, contact_point
"""
_PREFERENCES = """
select channel, language, topics, frequency, quiet_hours, stated_at
from marts.preferences where customer_id = ?
"""
_TIMELINE = """
select occurred_at, kind, channel, touchpoint, detail, source, record_id
from marts.customer_timeline where customer_id = ? order by touch_no desc limit ?
"""
_RECORDS = """
select
    source, entity, count(*) as records,
    array_to_string(
        list_sort(list_distinct(flatten(
            list(string_split(matched_by, ', ')) filter (matched_by is not null)
        ))), ', '
    ) as matched_by,
    list_slice(list(record_id order by record_id), 1, ?) as record_ids
from marts.customer_records where customer_id = ? group by source, entity
order by entity <> 'contact', source, entity
"""
_ABSORBED = "select old_customer_id from marts.customer_redirects where new_customer_id = ? order by 1"
_CUTS = """
select
    case when customer_id = ? then other_customer_id else customer_id end as other_customer_id, reason, strongest_link
from marts.identity_cuts where ? in (customer_id, other_customer_id) order by all
"""


def show(con: duckdb.DuckDBPyConnection, who: str) -> dict[str, Any]:
    """Everything known about one profile, named by address, phone, record or customer_id (absorbed ones too).

    Raises UsageError when nobody, or more than one profile, is known by it, CdpError when nothing is built.
    """
    if not warehouse.has_table(con, "marts", "customer_360"):
        raise CdpError("there are no customers yet: the warehouse has no marts", hint="build them: `cdp run`")
    customer_id = customer_of(con, who)
    profile = _one(con, "select * from marts.customer_360 where customer_id = ?", [customer_id])
    return {
        "customer_id": customer_id,
        "asked_for": who.strip(),
        "profile_kind": profile.get("profile_kind"),
        "absorbed_ids": [row["old_customer_id"] for row in _rows(con, _ABSORBED, [customer_id])],
        "kept_apart_from": _rows(con, _CUTS, [customer_id, customer_id]),
        "golden": _golden(con, customer_id, profile),
        "identifiers": _rows(con, _IDENTIFIERS, [customer_id]),
        "buying": {name: profile.get(name) for name in BUYING},
        "activity": {name: profile.get(name) for name in DOING},
        "scores": {
            metric: {"score": profile[f"latest_{metric}"], "at": profile.get(f"latest_{metric}_at")}
            for metric in METRICS
            if profile.get(f"latest_{metric}") is not None
        },
        "consents": _rows(con, _CONSENTS, [customer_id]),
        "preferences": _one(con, _PREFERENCES, [customer_id]),
        "timeline": _rows(con, _TIMELINE, [customer_id, TOUCHES]),
        "records": _rows(con, _RECORDS, [EXAMPLES, customer_id]),
    }


def _golden(
    con: duckdb.DuckDBPyConnection, customer_id: str, profile: dict[str, Any]
) -> list[dict[str, Any]]:
    """The fields we show, each with the source and record that speak for it."""
    sources = _one(con, "select * from customer.golden_records where customer_id = ?", [customer_id])
    known = {**sources, **profile}
    return [
        {
            "field": field,
            "value": known[field],
            "source": sources.get(f"{group}_source"),
            "record_id": sources.get(f"{group}_record_id"),
        }
        for field, group in FIELDS.items()
        if known.get(field) is not None
    ]


def _one(con: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> dict[str, Any]:
    found = _rows(con, sql, values)
    return found[0] if found else {}


def _rows(con: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> list[dict[str, Any]]:
    cursor = con.execute(sql, values)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
