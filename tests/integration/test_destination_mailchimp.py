"""Mailchimp against a strict fake: single refusals of a batch, opt-outs, removal by hash, an address that changes."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.exports.destinations import open_rows
from pipelines.exports.destinations.base import KnowsAhead, Operation, Result
from tests.loopback import Loopback, loopback
from tests.vendors.mailchimp import KEY, Mailchimp


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server of one list."""
    with loopback(Mailchimp()) as state:
        yield state


def md5(email: str) -> str:
    """The subscriber hash."""
    return hashlib.md5(email.encode()).hexdigest()


def upsert(key: str, known_as: str | None = None, mode: str = "upsert", **row: Any) -> Operation:
    """A member to write."""
    return Operation(key, known_as or key, "upsert", f"idem-{key}", json.dumps(row), mode)


def send(server: Loopback, *operations: Operation, **options: Any) -> dict[str, Result]:
    """Send to the list."""
    fields = {"first_name": "FNAME", "revenue": "REVENUE"}
    given = {
        "api_key": KEY,
        "list_id": "abc123",
        "fields": fields,
        "base_url": server.url,
        "retry_seconds": 0,
        **options,
    }
    destination = open_rows("mailchimp", given, "sync_a")
    assert destination is not None
    results = destination.send(operations)
    destination.close()
    return {one.key: one for one in results}


def test_a_batch_with_single_refusals(server: Loopback) -> None:
    """One request; an address twice goes in two; whoever unsubscribed there stays so."""
    fake: Any = server.answer
    fake.left.add(md5("left@x.io"))
    rows = [upsert(f"k{n}", email=f"P{n}@X.io ", first_name=None, revenue=n) for n in range(300)]
    bad = [
        upsert("left", email="left@x.io"),
        upsert("none", email=None),
        upsert("made", email="a@example.com"),
    ]
    results = send(server, *rows, *bad, upsert("twin", email="p0@x.io", first_name="Twin"), tags=["vip"])

    assert [key for key, one in results.items() if not one.ok] == ["none", "left", "made"]
    assert results["left"].reason == "ERROR_CONTACT_COMPLIANCE_STATE ***: ERROR_CONTACT_COMPLIANCE_STATE"
    assert len(server.calls) == 2
    assert fake.members[md5("p7@x.io")]["merge_fields"] == {"FNAME": "", "REVENUE": 7}
    assert fake.members[md5("p0@x.io")]["merge_fields"]["FNAME"] == "Twin"
    assert results["k7"].destination_key == md5("p7@x.io")


@pytest.mark.parametrize(
    ("how", "left"), [("unsubscribe", "unsubscribed"), ("archive", "archived"), ("delete", None)]
)
def test_removal_is_by_hash(server: Loopback, how: str, left: str | None) -> None:
    """The ledger holds no address; who is not in the list any more is removed."""
    fake: Any = server.answer
    sent = send(server, upsert("k1", email="a@x.io"))
    key = str(sent["k1"].destination_key)
    gone = send(
        server,
        Operation("k1", key, "remove", "i", None),
        Operation("k2", md5("b@x.io"), "remove", "i", None),
        Operation("k3", "k3", "remove", "i", None),
        on_removal=how,
    )

    assert all(one.ok for one in gone.values())
    assert (fake.members.get(key) or {}).get("status") == left


def test_a_new_address_takes_the_old_one_out(server: Loopback) -> None:
    """Known before the request by both, after it by the new one only."""
    fake: Any = server.answer
    sent = send(server, upsert("k1", email="old@x.io"))
    changed = upsert("k1", known_as=sent["k1"].destination_key, email="new@x.io")
    destination = open_rows("mailchimp", {"api_key": KEY, "list_id": "abc123"}, "sync_a")
    assert isinstance(destination, KnowsAhead)
    ahead = destination.known_as(changed)
    after = send(server, changed)

    assert ahead == f"{md5('old@x.io')} {md5('new@x.io')}"
    assert after["k1"].destination_key == md5("new@x.io")
    assert [fake.members[md5(name)]["status"] for name in ("old@x.io", "new@x.io")] == [
        "unsubscribed",
        "subscribed",
    ]


def test_create_only_leaves_members_alone(server: Loopback) -> None:
    """What somebody typed there is not ours."""
    fake: Any = server.answer
    send(server, upsert("k1", email="a@x.io", first_name="Typed"))
    results = send(
        server,
        upsert("k1", mode="create_only", email="a@x.io", first_name="New"),
        upsert("k2", mode="create_only", email="b@x.io"),
    )

    assert [(one.ok, one.is_skipped) for one in results.values()] == [(True, True), (True, False)]
    assert fake.members[md5("a@x.io")]["merge_fields"]["FNAME"] == "Typed"


def test_a_wrong_key_stops_and_is_not_shown(server: Loopback) -> None:
    """Neither as it is nor as HTTP Basic encodes it."""
    results = send(server, upsert("k1", email="a@x.io"), api_key="wr0ngkey-us6")

    assert not results["k1"].ok
    assert "wr0ngkey" not in str(results)
