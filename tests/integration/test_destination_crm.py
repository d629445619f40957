"""HubSpot and Salesforce against strict fakes: batches, single refusals, modes, what a human typed, and who is taken out."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from pipelines.exports import DestinationSpec, Guards
from pipelines.exports.destinations import open_rows
from pipelines.exports.destinations.base import Operation, Result
from tests.dying import dying_at
from tests.exports_fake import HOOK_SYNC, run, say
from tests.loopback import Loopback, loopback
from tests.vendors import hubspot as hubspot_api
from tests.vendors import salesforce as salesforce_api
from tests.vendors.hubspot import Hubspot
from tests.vendors.salesforce import Salesforce


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server; the test says whose."""
    with loopback() as state:
        yield state


def upsert(key: str, mode: str = "upsert", fill_empty: tuple[str, ...] = (), **row: Any) -> Operation:
    """A row to write."""
    return Operation(key, key, "upsert", f"idem-{key}", json.dumps({"cdp_id": key, **row}), mode, fill_empty)


def remove(key: str, known_as: str) -> Operation:
    """A row to take back."""
    return Operation(key, known_as, "remove", f"idem-{key}", None)


def to_hubspot(server: Loopback, *operations: Operation, **options: Any) -> tuple[list[Result], str | None]:
    """Send to HubSpot; results and why it stopped."""
    given = {
        "token": hubspot_api.TOKEN,
        "base_url": server.url,
        "retry_seconds": 0,
        "rate_limit": None,
        **options,
    }
    return _send("hubspot", given, operations)


def to_salesforce(
    server: Loopback, *operations: Operation, **options: Any
) -> tuple[list[Result], str | None]:
    """Send to Salesforce; results and why it stopped."""
    given = {
        "instance_url": server.url,
        "client_id": "cl13nt-id",
        "client_secret": salesforce_api.SECRET,
        "external_id": "Cdp_Id__c",
        "fields": {"cdp_id": "Cdp_Id__c", "last_name": "LastName", "email": "Email", "phone": "Phone"},
        "retry_seconds": 0,
        **options,
    }
    return _send("salesforce", given, operations)


def _send(
    kind: str, options: dict[str, Any], operations: tuple[Operation, ...]
) -> tuple[list[Result], str | None]:
    destination = open_rows(kind, options, "sync_a")
    assert destination is not None
    results = destination.send(operations)
    destination.close()
    order = {operation.key: n for n, operation in enumerate(operations)}
    return sorted(results, key=lambda one: order[one.key]), destination.stopped


def test_hubspot_takes_a_batch_and_names_the_bad_row(server: Loopback) -> None:
    """One request for a hundred rows; the bad one is refused alone, without its address in the reason."""
    server.answer = crm = Hubspot()
    rows = [upsert(f"k{n}", email=f"P{n}@X.io", health_score=n * 0.5) for n in range(99)]
    results, _ = to_hubspot(server, *rows, upsert("bad", email="jane at x.io"))
    again, _ = to_hubspot(server, *rows[:3])

    assert [one.ok for one in results] == [True] * 99 + [False]
    assert "INVALID_EMAIL ***" in str(results[99].reason)
    assert "jane" not in str(results[99].reason)
    assert len(crm.objects["contacts"]) == 99
    assert [one.destination_key for one in again] == [one.destination_key for one in results[:3]]
    assert crm.objects["contacts"]["101"] == {"email": "P0@X.io", "cdp_id": "k0", "health_score": "0.0"}
    assert len(server.calls) == 2


def test_hubspot_without_multi_status_refuses_the_whole(server: Loopback) -> None:
    """Nothing of the batch was taken; the sender halves it."""
    server.answer = crm = Hubspot(multi_status=False)
    results, stopped = to_hubspot(server, upsert("k1", email="a@x.io"), upsert("bad", email="x"))

    assert {(one.ok, one.is_whole) for one in results} == {(False, True)}
    assert crm.objects["contacts"] == {}
    assert stopped is None


def test_hubspot_modes(server: Loopback) -> None:
    """Update-only creates nobody, create-only overwrites nobody; both cost one reading for the batch."""
    server.answer = crm = Hubspot()
    to_hubspot(server, upsert("k1", email="a@x.io", firstname="Ann"))
    server.calls.clear()
    updated, _ = to_hubspot(
        server,
        upsert("k1", "update_only", email="a@x.io", firstname="Anna"),
        upsert("k2", "update_only", email="b@x.io", firstname="Bob"),
    )
    created, _ = to_hubspot(
        server,
        upsert("k1", "create_only", email="a@x.io", firstname="No"),
        upsert("k3", "create_only", email="c@x.io", firstname="Cy"),
    )
    names = sorted(one["firstname"] for one in crm.objects["contacts"].values())

    assert [(one.ok, one.is_skipped) for one in updated] == [(True, False), (True, True)]
    assert [(one.ok, one.is_skipped) for one in created] == [(True, True), (True, False)]
    assert names == ["Anna", "Cy"]
    assert [call.path.rsplit("/", 1)[1] for call in server.calls] == ["read", "update", "read", "create"]


def test_hubspot_never_overwrites_what_a_human_typed(server: Loopback) -> None:
    """A filled phone stays; an empty one is filled; other columns are written all the same."""
    server.answer = crm = Hubspot()
    crm.objects["contacts"] = {
        "1": {"email": "a@x.io", "phone": "+1 typed by hand", "firstname": "Ann"},
        "2": {"email": "b@x.io", "phone": "", "firstname": "Bob"},
    }
    rows = [
        upsert(key, fill_empty=("mobile",), email=f"{key}@x.io", mobile="+84901", firstname="New")
        for key in "abc"
    ]
    results, _ = to_hubspot(server, *rows, fields={"mobile": "phone"})
    held = {one["email"]: (one["phone"], one["firstname"]) for one in crm.objects["contacts"].values()}

    assert [one.ok for one in results] == [True] * 3
    assert held == {
        "a@x.io": ("+1 typed by hand", "New"),
        "b@x.io": ("+84901", "New"),
        "c@x.io": ("+84901", "New"),
    }


def test_hubspot_archives_what_it_answered_with(server: Loopback) -> None:
    """By HubSpot's own id, or the one found by the noted address; a key of ours is no id, even when it is a number."""
    server.answer = crm = Hubspot()
    (sent, lost), _ = to_hubspot(server, upsert("k1", email="a@x.io"), upsert("k2", email="b@x.io"))
    gone, _ = to_hubspot(
        server,
        remove("k1", str(sent.destination_key)),
        remove("k2", "email=B@x.io"),
        remove("k3", "email=nobody@x.io"),
        remove("k4", "k4"),
        remove("102", "102"),
    )

    assert crm.archived == [sent.destination_key, lost.destination_key]
    assert [one.ok for one in gone] == [True, True, True, False, False]
    assert "by hand" in str(gone[3].reason)


def test_hubspot_twice_the_same_contact_goes_in_two_requests(server: Loopback) -> None:
    """Two profiles with one address: HubSpot would refuse the whole batch."""
    server.answer = Hubspot()
    results, _ = to_hubspot(
        server, upsert("k1", email="a@x.io"), upsert("k2", email="A@x.io "), upsert("k3", email=None)
    )

    assert [one.ok for one in results] == [True, True, False]
    assert "no `email`" in str(results[2].reason)
    assert len(server.calls) == 2


def test_hubspot_tasks_are_linked_to_their_contact(server: Loopback) -> None:
    """A task a case, once: the case is its unique property, and the contact a link."""
    server.answer = crm = Hubspot()
    crm.objects["contacts"] = {"7": {"email": "a@x.io"}}
    options: dict[str, Any] = {
        "object": "tasks",
        "id_property": "case_id",
        "fields": {"cdp_id": "case_id", "subject": "hs_task_subject"},
        "associate": {"column": "contact_id"},
    }
    row = upsert("case-1", subject="Call back", contact_id=7)
    first, _ = to_hubspot(server, row, **options)
    second, _ = to_hubspot(server, row, **options)
    lost, _ = to_hubspot(server, upsert("case-2", subject="Call", contact_id=99), **options)

    assert [first[0].ok, second[0].ok, lost[0].ok] == [True, True, False]
    assert next(iter(crm.objects["tasks"].values())) == {"case_id": "case-1", "hs_task_subject": "Call back"}
    assert crm.links == [("101", "7")] * 2


def test_hubspot_a_property_that_does_not_exist_stops_the_sync(server: Loopback) -> None:
    """Without multi-status every batch would be halved down to its rows."""
    server.answer = Hubspot(multi_status=False)
    results, stopped = to_hubspot(
        server, upsert("k1", email="a@x.io", nope=1), upsert("k2", email="b@x.io", nope=1)
    )

    assert not any(one.ok or one.is_whole for one in results)
    assert "PROPERTY_DOESNT_EXIST" in str(stopped)


def test_hubspot_a_used_up_day_ends_the_sync(server: Loopback) -> None:
    """A policy of seconds is waited for; a daily one is not, and the rows stay pending."""
    server.answer = lambda call: (
        429,
        {},
        {"message": "daily limit", "policyName": "DAILY", "errorType": "RATE_LIMIT"},
    )
    results, stopped = to_hubspot(server, upsert("k1", email="a@x.io"), retry_seconds=60)

    assert (results[0].ok, results[0].final) == (False, False)
    assert stopped
    assert len(server.calls) == 1


def test_salesforce_takes_a_batch_and_names_bad_rows(server: Loopback) -> None:
    """Two hundred rows in one request after one for the token; each line of the answer is its record's."""
    server.answer = crm = Salesforce()
    rows = [upsert(f"k{n}", last_name=f"N{n}", email=f"p{n}@x.io") for n in range(198)]
    bad = [upsert("k198", last_name=None), upsert("k199", last_name="X", email="jane at x")]
    results, _ = to_salesforce(server, *rows, *bad)

    assert [one.ok for one in results] == [True] * 198 + [False] * 2
    assert "REQUIRED_FIELD_MISSING" in str(results[198].reason)
    assert "jane" not in str(results[199].reason)
    assert len(crm.records["Contact"]) == 198
    assert [call.method for call in server.calls] == ["POST", "PATCH"]


def test_salesforce_asks_for_a_new_token_once(server: Loopback) -> None:
    """A session that expires in mid-run costs one refused request; a wrong secret stops at once and is not shown."""
    server.answer = crm = Salesforce(token_uses=1)
    destination = open_rows(
        "salesforce",
        {
            "instance_url": server.url,
            "client_id": "i",
            "client_secret": salesforce_api.SECRET,
            "external_id": "Cdp_Id__c",
            "fields": {"cdp_id": "Cdp_Id__c"},
        },
        "sync_a",
    )
    assert destination is not None
    sent = [destination.send([upsert(key, LastName="N")])[0].ok for key in ("k1", "k2")]
    destination.close()
    wrong, stopped = to_salesforce(server, upsert("k3", last_name="N"), client_secret="wr0ng-s3cr3t")

    assert (sent, crm.tokens) == ([True, True], 2)
    assert (wrong[0].ok, wrong[0].final) == (False, False)
    assert "credentials are wrong" in str(stopped)
    assert "s3cr3t" not in f"{stopped}{wrong}"


def test_salesforce_modes_and_what_a_human_typed(server: Loopback) -> None:
    """Read first by external id, quotes and all; then create, update or leave alone."""
    server.answer = crm = Salesforce()
    name = "o'k\\1"
    crm.records["Contact"] = {
        "003000000000900AAA": {"Cdp_Id__c": name, "LastName": "Typed", "Phone": "by hand", "Email": None},
    }
    rows = [
        upsert(name, "update_only", ("phone", "email"), last_name="New", phone="+84", email="a@x.io"),
        upsert("k2", "update_only", last_name="Nobody"),
    ]
    updated, _ = to_salesforce(server, *rows)
    created, _ = to_salesforce(
        server, rows[0]._replace(mode="create_only"), rows[1]._replace(mode="create_only")
    )

    assert [(one.ok, one.is_skipped) for one in updated] == [(True, False), (True, True)]
    assert [(one.ok, one.is_skipped) for one in created] == [(True, True), (True, False)]
    assert next(iter(crm.records["Contact"].values())) == {
        "Cdp_Id__c": name,
        "LastName": "New",
        "Phone": "by hand",
        "Email": "a@x.io",
    }


def test_salesforce_tasks_refer_to_their_contact(server: Loopback) -> None:
    """By the contact's external id; a contact that is not there refuses the task alone. Removal is by record id."""
    server.answer = crm = Salesforce()
    to_salesforce(server, upsert("c1", last_name="Roe"))
    options: dict[str, Any] = {
        "object": "Task",
        "external_id": "Case_Id__c",
        "fields": {"cdp_id": "Case_Id__c", "customer_id": "Who:Contact.Cdp_Id__c", "note": None},
    }
    results, _ = to_salesforce(
        server,
        upsert("t1", Subject="Call", customer_id="c1", note="stays here"),
        upsert("t2", Subject="Call", customer_id="c9"),
        **options,
    )
    key = str(results[0].destination_key)
    gone, _ = to_salesforce(
        server, remove("t1", key), remove("t3", "003000000000999AAA"), remove("t4", "t4"), **options
    )

    assert [one.ok for one in results] == [True, False]
    assert crm.records["Task"] == {}
    assert [one.ok for one in gone] == [True, True, False]


def test_salesforce_a_field_that_does_not_exist_stops_the_sync(server: Loopback) -> None:
    """It is the configuration, not the row."""
    server.answer = Salesforce()
    results, stopped = to_salesforce(
        server, upsert("k1", last_name="N", nope=1), upsert("k2", last_name="N", nope=1)
    )

    assert not any(one.ok or one.is_whole for one in results)
    assert "No such column" in str(stopped)


def crm(kind: str, url: str) -> tuple[Hubspot | Salesforce, dict[str, DestinationSpec]]:
    """A CRM that knows people by their address, and one that knows them by our id."""
    if kind == "hubspot":
        options: dict[str, Any] = {
            "token": hubspot_api.TOKEN,
            "base_url": url,
            "rate_limit": None,
            "fields": {"customer_id": "cdp_id", "first_name": "firstname"},
        }
        return Hubspot(), {"hook": DestinationSpec("hook", kind, {**options, "retry_seconds": 0})}
    options = {
        "instance_url": url,
        "client_id": "cl13nt-id",
        "client_secret": salesforce_api.SECRET,
        "external_id": "Cdp_Id__c",
        "fields": {"customer_id": "Cdp_Id__c", "first_name": "LastName", "email": "Email"},
    }
    return Salesforce(), {"hook": DestinationSpec("hook", kind, {**options, "retry_seconds": 0})}


def held(fake: Hubspot | Salesforce) -> set[str]:
    """Our ids of the people that the CRM has."""
    if isinstance(fake, Hubspot):
        return {one["cdp_id"] for one in fake.objects["contacts"].values()}
    return {one["Cdp_Id__c"] for one in fake.records["Contact"].values()}


COLUMNS = ("customer_id", "email", "first_name")


@pytest.mark.parametrize("kind", ["hubspot", "salesforce"])
@pytest.mark.parametrize("point", ["export.pending", "export.sent"])
def test_a_withdrawal_after_a_kill_takes_out_what_may_have_arrived(
    con: duckdb.DuckDBPyConnection, server: Loopback, monkeypatch: pytest.MonkeyPatch, kind: str, point: str
) -> None:
    """No answer ever told an id: the records are looked up by what they were sent with, in one request, and go."""
    fake, to = crm(kind, server.url)
    server.answer = fake
    sync = replace(HOOK_SYNC, mode="upsert", columns=COLUMNS, guards=Guards(max_delete_percent=100))
    with dying_at(monkeypatch, point):
        run(con, to, sync)
    arrived = held(fake)
    con.execute("update marts.consents set state = 'withdrawn' where customer_id <> 'c00005'")
    result = run(con, to, sync, run_id="r2")
    states = dict(con.execute("select state, count(*) from exports.ledger group by all").fetchall())
    noted = con.execute("select count(*) from exports.ledger where contains(destination_key, '=')").fetchall()

    assert len(arrived) == (12 if point == "export.sent" else 0)
    assert (result.exit_code, result.syncs[0].rejected) == (0, 0)
    assert held(fake) == {"c00005"}
    # of what was never handed over the ledger knows nothing
    assert states == ({"removed": 11} if point == "export.sent" else {}) | {"acked": 1}
    assert noted == [(0,)], "an answer tells an id, and what was noted is forgotten"


def test_what_somebody_may_have_had_before_is_left_to_a_human(
    con: duckdb.DuckDBPyConnection, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create-only without an answer: the record that is there may never have been ours."""
    fake, to = crm("hubspot", server.url)
    server.answer = fake
    sync = replace(HOOK_SYNC, mode="create_only", columns=COLUMNS)
    with dying_at(monkeypatch, "export.sent"):
        run(con, to, sync)
    say(con, "c00003", "withdrawn")
    result = run(con, to, sync, run_id="r2")
    reasons = con.execute("select key, reason from exports.ledger where state = 'rejected'").fetchall()

    assert (result.exit_code, len(held(fake))) == (4, 12)
    assert [(key, "by hand" in reason) for key, reason in reasons] == [("c00003", True)]


def test_two_rows_that_are_one_record_leave_with_the_last_of_them(
    con: duckdb.DuckDBPyConnection, server: Loopback
) -> None:
    """A couple shares an address, which HubSpot knows one contact by: it is archived when both have left, and once."""
    fake, to = crm("hubspot", server.url)
    assert isinstance(fake, Hubspot)
    server.answer = fake
    sync = replace(HOOK_SYNC, columns=COLUMNS)
    for table, column in (("activation.sync_hook_people", "email"), ("marts.consents", "contact_point")):
        con.execute(
            f"update {table} set {column} = 'both@example.com' where customer_id in ('c00003', 'c00004')"
        )
    run(con, to, sync)
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00003'")
    first = run(con, to, sync, run_id="r2")
    stays = fake._find("contacts", "email", "both@example.com")
    con.execute("delete from activation.sync_hook_people where customer_id in ('c00004', 'c00005')")
    con.execute("insert into activation.sync_hook_people values ('c00003', 'both@example.com', 'Back', 0)")
    run(con, to, sync, run_id="r3")
    back = fake._find("contacts", "email", "both@example.com")
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00003'")
    run(con, to, sync, run_id="r4")
    told = con.execute(
        "select reason from exports.deliveries where run_id = 'r2' and operation = 'remove'"
    ).fetchall()

    assert (first.syncs[0].removed, first.syncs[0].acked, stays is not None) == (1, 1, True)
    assert told == [("left alone: another row of this sync is the same there",)]
    assert back is not None
    assert fake._find("contacts", "email", "both@example.com") is None
    assert len(fake.archived) == len(set(fake.archived))
