"""What holds for each address, worked out from raw rows in plain Python: no SQL, no model, no name of a table of ours.

A person is whoever shares an address or a number, over any number of steps. A statement is one row of a consent table, a message
that was unsubscribed from or complained about, an opt-out of a contact, or a preference for never.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

BASES = {"news": "consent", "texts": "consent", "surveys": "legitimate_interest", "invoices": "contract"}
CHANNELS = {"news": "email", "texts": "sms", "surveys": "email", "invoices": "email"}
REFUSALS = ("objected", "denied", "withdrawn", "unknown")
LASTS = timedelta(days=365)


@dataclass(frozen=True)
class Row:
    """One delivered row of any table; empty text is nothing."""

    table: str
    id: str
    email: str = ""
    phone: str = ""
    channel: str = ""
    purpose: str = ""
    word: str = ""
    at: str = ""


@dataclass(frozen=True)
class Said:
    """One statement about one point for one purpose."""

    point: str
    purpose: str
    state: str
    at: datetime | None
    record: str


def people(rows: list[Row]) -> dict[str, str]:
    """Every address and number with one name for its person: the smallest of all that hang together."""
    name = {value: value for row in rows for value in (row.email, row.phone) if value}
    moved = True
    while moved:
        moved = False
        for row in rows:
            values = [value for value in (row.email, row.phone) if value]
            least = min((name[value] for value in values), default="")
            for value in values:
                moved |= name[value] != least
                name[value] = least
    return name


def said(row: Row) -> Iterator[Said]:
    """The statements of one row."""
    at = datetime.fromisoformat(row.at) if row.at else None
    for purpose, channel in CHANNELS.items():
        own = row.email if channel == "email" else row.phone
        optional = BASES[purpose] != "contract"
        if row.table == "consents":
            meant = row.purpose == purpose or (not row.purpose and optional)
            if meant and row.channel in ("", channel):
                state = row.word if row.word in ("granted", "denied", "withdrawn", "objected") else "unknown"
                yield Said(own, purpose, state, at, row.id)
            continue
        speaks = {
            "messages": row.word in ("unsubscribed", "complained"),
            "contacts": row.word == "true",
            "preferences": row.word == "never",
        }[row.table]
        spoken_of = row.channel or ("" if row.table == "preferences" else "email")
        if speaks and optional and spoken_of in ("", channel):
            yield Said(own, purpose, "withdrawn" if BASES[purpose] == "consent" else "objected", at, row.id)


def expected(rows: list[Row], as_of: datetime) -> dict[tuple[str, str, str], tuple[str, str]]:
    """(person, point, purpose) -> (state, record that decides)."""
    persons = people(rows)
    heard: dict[tuple[str, str, str], list[Said]] = {}
    for row in rows:
        who = persons[row.email or row.phone]
        for one in said(row):
            heard.setdefault((who, one.point, one.purpose), []).append(one)
    decided = {key: decide(all_of_it, as_of) for key, all_of_it in heard.items()}
    return {key: verdict for key, verdict in decided.items() if verdict}


def decide(statements: list[Said], as_of: datetime) -> tuple[str, str] | None:
    """A refusal without a time stands; else the latest, and of several the one that reaches furthest."""
    valid = [one for one in statements if one.state != "granted" or (one.at is not None and one.at <= as_of)]
    if not valid:
        return None
    timeless = [one for one in valid if one.at is None]
    latest = max(one.at for one in valid if one.at) if not timeless else None
    last = timeless or [one for one in valid if one.at == latest]
    for state in (*REFUSALS, "granted"):
        records = sorted(one.record for one in last if one.state == state)
        if records:
            first = next(one for one in last if one.record == records[0] and one.state == state)
            lasts = first.purpose in ("news", "texts")
            is_over = state == "granted" and lasts and first.at is not None and first.at + LASTS <= as_of
            return ("expired" if is_over else state), records[0]
    raise AssertionError("every state is listed")
