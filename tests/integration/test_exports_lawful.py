"""Lawful basis: the SQL against a plain reference over random histories, merges and suppressions included."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.exports.lawful import basis_query
from pipelines.exports.specs import Basis, PurposeSpec
from tests.exports_fake import create_tables

AS_OF = datetime(2026, 7, 1)
PEOPLE = ["c1", "c2"]
POINTS = ["a@x.io", "B@x.io"]
CHANNELS = ["email", "sms"]


@dataclass(frozen=True)
class Consent:
    """One row of marts.consents."""

    customer_id: str
    contact_point: str | None
    channel: str
    purpose: str
    state: str
    obtained_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class Suppression:
    """One row of customer.suppressions."""

    customer_id: str | None
    contact_point: str | None
    channel: str | None


@dataclass(frozen=True)
class Row:
    """One row of a sync model."""

    customer_id: str | None
    contact_point: str | None


def days(*offsets: int | None) -> st.SearchStrategy[datetime | None]:
    """Moments around `as_of`."""
    return st.sampled_from([None if offset is None else AS_OF + timedelta(days=offset) for offset in offsets])


# weights: what lets a row pass is frequent, or hardly any single refusal would decide
consents = st.builds(
    Consent,
    st.sampled_from(PEOPLE),
    st.sampled_from([None, *POINTS, *POINTS]),
    st.sampled_from(["email"] * 5 + ["sms"]),
    st.sampled_from(["news"] * 5 + ["other"]),
    st.sampled_from(["granted"] * 7 + ["denied", "withdrawn", "objected", "expired", "unknown"]),
    days(-100, -100, -100, -1, -365, -400, -730, -800, 0, 1, None),
    days(None, None, None, None, 400, 1, 0, -1),
)
suppressions = st.builds(
    Suppression,
    st.sampled_from([None, *PEOPLE]),
    st.sampled_from([None, *POINTS]),
    st.sampled_from([None, *CHANNELS]),
)
rows = st.builds(Row, st.sampled_from([None, *PEOPLE * 3]), st.sampled_from([None, *POINTS * 3]))
bases: st.SearchStrategy[Basis] = st.sampled_from(
    ["consent", "consent", "legitimate_interest", "contract", "legal_obligation"]
)


def same(one: str | None, other: str | None) -> bool:
    """Two addresses are one, whatever their case."""
    return one is not None and other is not None and one.strip().lower() == other.strip().lower()


def is_lawful(row: Row, said: list[Consent], suppressed: list[Suppression], purpose: PurposeSpec) -> bool:
    """The rule as one would tell it; every step can only say no."""
    for stop in suppressed:
        if stop.channel not in (None, purpose.channel):
            continue
        if (
            stop.contact_point is None
            and stop.customer_id is not None
            and stop.customer_id == row.customer_id
        ):
            return False
        if same(stop.contact_point, row.contact_point):
            return False
    if row.customer_id is None or row.contact_point is None:
        return False
    mine = [word for word in said if word.customer_id == row.customer_id and word.purpose == purpose.name]
    if purpose.basis == "legal_obligation":
        return True
    for word in mine:
        # a word that nobody understands may be a refusal
        if word.state in ("denied", "objected", "unknown"):
            return False
        if word.state == "withdrawn" and (
            word.contact_point is None or same(word.contact_point, row.contact_point)
        ):
            return False
    for word in said:
        # whoever holds the address now: it was refused
        refusals = ("denied", "objected", "withdrawn", "unknown")
        refused = word.state in refusals and word.purpose == purpose.name
        if refused and same(word.contact_point, row.contact_point):
            return False
    return purpose.basis != "consent" or any(is_live(word, row, purpose) for word in mine)


def is_live(word: Consent, row: Row, purpose: PurposeSpec) -> bool:
    """A grant for this address and channel that has begun and not run out."""
    if (
        word.state != "granted"
        or word.channel != purpose.channel
        or not same(word.contact_point, row.contact_point)
    ):
        return False
    if word.obtained_at is not None and word.obtained_at > AS_OF:
        return False
    if word.expires_at is not None and word.expires_at <= AS_OF:
        return False
    if purpose.expires_after_days is None:
        return True
    return word.obtained_at is not None and word.obtained_at + timedelta(purpose.expires_after_days) > AS_OF


def judge(
    con: duckdb.DuckDBPyConnection, people: list[Row], purpose: PurposeSpec
) -> dict[int, tuple[str | None, str | None]]:
    """Reason and proof by row number, from the SQL."""
    con.execute("create or replace temp table people (key int, customer_id varchar, contact_point varchar)")
    for n, row in enumerate(people):
        point = row.contact_point and row.contact_point.lower()
        con.execute("insert into people values (?, ?, ?)", [n, row.customer_id, point])
    answers = con.execute(basis_query("people", purpose, has_point=True), {"as_of": AS_OF}).fetchall()
    assert len(answers) == len(people), "one verdict per row"
    return {n: (reason, proof) for n, reason, _, proof, *_ in answers}


CON = duckdb.connect()
create_tables(CON)
# tallies of verdicts, so that a property that never sends anything cannot pass unnoticed
SEEN = {"lawful": 0, "not": 0}


@settings(max_examples=800, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(rows, min_size=2, max_size=5),
    st.lists(consents, min_size=1, max_size=8),
    st.lists(suppressions, max_size=1),
    bases,
    st.sampled_from([None, 365, 730]),
)
def check_histories(
    people: list[Row], said: list[Consent], suppressed: list[Suppression], basis: Basis, age: int | None
) -> None:
    """The SQL and the reference agree on every row, and every send under consent names a live grant."""
    CON.execute("delete from marts.consents; delete from customer.suppressions")
    for n, word in enumerate(said):
        CON.execute(
            "insert into marts.consents values (?, ?, ?, ?, ?, 'consent', ?, ?, 'v1', 'form', ?)",
            [*vars(word).values(), str(n)],
        )
    for stop in suppressed:
        CON.execute(
            "insert into customer.suppressions values (?, ?, ?, 'bounce', null)", list(vars(stop).values())
        )
    purpose = PurposeSpec("news", basis, "email", age)
    for n, (reason, proof) in judge(CON, people, purpose).items():
        wanted = is_lawful(people[n], said, suppressed, purpose)
        SEEN["lawful" if wanted else "not"] += 1

        assert (reason is None) == wanted, (people[n], reason)
        if basis == "consent" and wanted:
            assert is_live(said[int(proof or -1)], people[n], purpose)


def test_no_random_history_is_sent_without_a_basis_or_held_with_one() -> None:
    """800 histories of several people, addresses, channels, expiries, objections and suppressions."""
    check_histories()

    assert min(SEEN.values()) > 100, SEEN
