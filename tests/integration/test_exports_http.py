"""Exports to an HTTP receiver: what is sent, what is not, and what happens when the receiver refuses or is
silent.
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from pipelines.errors import CdpError, UsageError
from pipelines.exports import DestinationSpec, Guards, SyncSpec, outbox, plan, send
from pipelines.exports.schema import ensure
from pipelines.exports.specs import Mode
from tests.exports_fake import (
    ACCEPT,
    AS_OF,
    FILE_SYNC,
    HOOK_SYNC,
    PURPOSES,
    Answer,
    Recorder,
    Request,
    add_people,
    csv_file,
    hook,
    run,
    say,
)

PHONE_SYNC = replace(HOOK_SYNC, name="sync_hook_calls", purpose="service_recovery")


def model(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The rows of the sync model as the receiver should hold them."""
    rows = con.execute(
        "select customer_id, to_json(people) from activation.sync_hook_people as people"
    ).fetchall()
    return {key: json.loads(row) for key, row in rows}


def states(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Ledger rows by state."""
    return dict(con.execute("select state, count(*) from exports.ledger group by state").fetchall())


def test_the_first_run_sends_everything_and_the_second_nothing(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Unchanged data means zero requests."""
    first = run(con, hook(receiver.url, batch_size=5), HOOK_SYNC)
    sent = [len(request.operations) for request in receiver.requests]
    receiver.forget()
    second = run(con, hook(receiver.url, batch_size=5), HOOK_SYNC, run_id="r2")

    assert (first.exit_code, first.syncs[0].added, first.syncs[0].acked) == (0, 12, 12)
    assert sent == [5, 5, 2]
    assert receiver.rows == model(con)
    assert (second.exit_code, second.syncs[0].status, second.syncs[0].unchanged) == (0, "unchanged", 12)
    assert receiver.requests == []
    json.dumps(second.to_dict())


def test_a_changed_row_is_sent_alone_and_only_mapped_columns_count(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """A column that is not mapped neither travels nor causes a request."""
    sync = replace(HOOK_SYNC, columns=("first_name", "email"))
    run(con, hook(receiver.url), sync)
    receiver.forget()
    con.execute("update activation.sync_hook_people set revenue = 1")
    run(con, hook(receiver.url), sync, run_id="r2")
    quiet = len(receiver.requests)
    con.execute("update activation.sync_hook_people set first_name = 'New' where customer_id = 'c00003'")
    result = run(con, hook(receiver.url), sync, run_id="r3")

    assert quiet == 0
    assert result.syncs[0].changed == 1
    assert [operation["row"] for operation in receiver.operations] == [
        {"email": "p3@example.com", "first_name": "New"}
    ]


def test_a_delivery_has_its_consent_and_no_payload(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """The delivery log proves the basis; no table of the ledger holds what was sent."""
    run(con, hook(receiver.url), HOOK_SYNC)
    proof = con.execute(
        """
        select consent_record_id, status, run_id, sent_at from exports.deliveries where key = 'c00004'
        """
    ).fetchall()
    stored = ""
    for table in ("ledger", "deliveries", "runs"):
        stored += str(con.execute(f"select * from exports.{table}").fetchall())

    assert proof == [("consent:4", "acked", "r1", AS_OF.replace(tzinfo=None))]
    assert "example.com" not in stored
    assert "Name" not in stored


@pytest.mark.parametrize("state", ["withdrawn", "denied", "objected", "expired", "unknown"])
def test_a_lost_basis_sends_a_removal_once(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, state: str
) -> None:
    """Whoever may no longer be written to leaves the destination with the next run."""
    run(con, hook(receiver.url), HOOK_SYNC)
    receiver.forget()
    say(con, "c00007", state)
    result = run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")
    removal = receiver.operations
    receiver.forget()
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r3")

    assert [(op["operation"], op["key"]) for op in removal] == [("remove", "c00007")]
    assert "row" not in removal[0]
    assert result.syncs[0].removed == 1
    assert "c00007" not in receiver.rows
    assert receiver.requests == []


def test_a_person_who_agrees_again_is_sent_again(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """A removal is no life sentence, and its keys are never used twice."""
    for run_id, state in (("r1", "granted"), ("r2", "withdrawn"), ("r3", "granted")):
        say(con, "c00001", state)
        run(con, hook(receiver.url), HOOK_SYNC, run_id=run_id)
    keys = [op["idempotency_key"] for op in receiver.operations if op["key"] == "c00001"]

    assert receiver.rows == model(con)
    assert len(set(keys)) == 3


def test_upsert_leaves_what_left_the_model(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Only a mirror deletes."""
    sync = replace(HOOK_SYNC, mode="upsert")
    run(con, hook(receiver.url), sync)
    receiver.forget()
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00002'")
    result = run(con, hook(receiver.url), sync, run_id="r2")

    assert (result.exit_code, receiver.requests) == (0, [])
    assert "c00002" in receiver.rows


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "update marts.consents set expires_at = timestamp '2026-07-01' where customer_id = 'c00000'",
            "expired",
        ),
        (
            "update marts.consents set obtained_at = timestamp '2024-06-01' where customer_id = 'c00000'",
            "expired",
        ),
        (
            "update marts.consents set obtained_at = timestamp '2026-07-02' where customer_id = 'c00000'",
            "no consent",
        ),
        ("update marts.consents set channel = 'sms' where customer_id = 'c00000'", "no consent"),
        ("update marts.consents set purpose = 'ads' where customer_id = 'c00000'", "no consent"),
        ("update marts.consents set contact_point = 'other@x.io' where customer_id = 'c00000'", "no consent"),
        (
            "update activation.sync_hook_people set email = null where customer_id = 'c00000'",
            "no contact point",
        ),
        (
            "update activation.sync_hook_people set email = ' ' where customer_id = 'c00000'",
            "no contact point",
        ),
        ("insert into customer.suppressions values ('c00000', null, null, 'deceased', null)", "suppressed"),
        (
            "insert into customer.suppressions values (null, 'P0@example.com', 'email', 'bounce', null)",
            "suppressed",
        ),
    ],
)
def test_rows_without_a_basis_stay_here_with_a_reason(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, change: str, reason: str
) -> None:
    """Fail closed: everything that cannot be shown to be lawful is excluded, and that is no failure."""
    con.execute(change)
    result = run(con, hook(receiver.url), HOOK_SYNC)

    assert result.exit_code == 0
    assert dict(result.syncs[0].exclusions) == {reason: 1}
    assert set(receiver.rows) == {f"c{n:05d}" for n in range(1, 12)}


def test_legitimate_interest_stops_at_an_objection_only(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """It needs no grant; an objection to another purpose does not touch it, one to this purpose does."""
    con.execute("delete from marts.consents")
    con.execute(
        """
        insert into marts.consents (customer_id, contact_point, channel, purpose, state) values
        ('c00001', '+8490', 'phone', 'service_recovery', 'objected'),
        ('c00002', 'p2@example.com', 'email', 'email_marketing', 'objected')
        """
    )
    result = run(con, hook(receiver.url), PHONE_SYNC)

    assert dict(result.syncs[0].exclusions) == {"objected": 1}
    assert "c00001" not in receiver.rows
    assert "c00002" in receiver.rows


def test_a_basis_that_is_lost_during_the_run_stops_the_row(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The basis is judged again when payloads are built, some batches at a time."""
    monkeypatch.setattr(send, "ROWS_TOGETHER", 4)

    def withdraw_meanwhile(request: Request) -> Answer:
        with con.cursor() as other:
            say(other, "c00011", "withdrawn")
        return ACCEPT

    receiver.behave = withdraw_meanwhile
    result = run(con, hook(receiver.url, batch_size=4), HOOK_SYNC)

    assert dict(result.syncs[0].exclusions) == {"basis lost before sending": 1}
    assert "c00011" not in receiver.rows
    assert states(con) == {"acked": 11}


@pytest.mark.parametrize("per", ["batch", "row"])
def test_a_refused_row_is_tried_every_run_until_it_is_accepted(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, per: str
) -> None:
    """Nothing is forgotten: one bad row neither holds up the others nor drops out."""

    def refuse(request: Request) -> Answer:
        if any(operation["key"] == "c00006" for operation in request.operations):
            return 422, {}, {"message": "Name 6 (p6@example.com) has no phone +84 90 123 4567, s3cr3t-token"}
        return ACCEPT

    receiver.behave = refuse
    destinations = hook(receiver.url, per=per)
    first = run(con, destinations, HOOK_SYNC)
    second = run(con, destinations, HOOK_SYNC, run_id="r2")
    reason = con.execute("select reason from exports.ledger where key = 'c00006'").fetchall()[0][0]
    receiver.behave = lambda request: ACCEPT
    third = run(con, destinations, HOOK_SYNC, run_id="r3")
    tries = [op["idempotency_key"] for op in receiver.operations if op["key"] == "c00006"]

    assert (first.exit_code, first.syncs[0].acked, first.syncs[0].rejected) == (4, 11, 1)
    assert (second.exit_code, second.syncs[0].retried) == (4, 1)
    assert (third.exit_code, third.syncs[0].retried, third.syncs[0].acked) == (0, 1, 1)
    assert receiver.rows == model(con)
    assert "HTTP 422" in reason
    assert not any(secret in reason for secret in ("Name 6", "p6@", "4567", "s3cr3t"))
    # a receiver that remembers keys would repeat its refusal, so a new try has a new key
    assert len(set(tries)) == 3


def test_a_poison_row_is_found_by_halving(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """1,000 rows, one of them bad, and a receiver that refuses whole batches: 999 arrive in 21 requests at
    most.
    """
    add_people(con, 12, 1000)

    def refuse(request: Request) -> Answer:
        bad = any(operation["key"] == "c00777" for operation in request.operations)
        return (400, {}, {"error": "bad row"}) if bad else ACCEPT

    receiver.behave = refuse
    result = run(con, hook(receiver.url, batch_size=1000), HOOK_SYNC)

    assert (result.syncs[0].acked, result.syncs[0].rejected) == (999, 1)
    assert len(receiver.requests) <= 21


def test_single_rows_of_an_accepted_batch_may_be_refused(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """A 2xx answer that names rows is believed row by row, and gives the destination's own keys."""
    receiver.behave = lambda request: (
        200,
        {},
        {
            "results": [
                {"key": "c00001", "ok": False, "reason": "too young"},
                {"key": "c00002", "ok": True, "destination_key": "crm-77"},
            ]
        },
    )
    result = run(con, hook(receiver.url), HOOK_SYNC)
    ledger = con.execute(
        "select key, state, reason, destination_key from exports.ledger where key <= 'c00002' order by key"
    ).fetchall()
    receiver.behave = lambda request: ACCEPT
    say(con, "c00002", "withdrawn")
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")

    assert (result.syncs[0].acked, result.syncs[0].rejected) == (11, 1)
    assert ledger == [
        ("c00000", "acked", None, "c00000"),
        ("c00001", "rejected", "too young", "c00001"),
        ("c00002", "acked", None, "crm-77"),
    ]
    assert ("remove", "crm-77") in {(op["operation"], op["key"]) for op in receiver.operations}


def test_a_throttled_request_waits_as_told_and_keeps_its_key(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Retry-After is honoured; the repeated request is the same request."""
    answers: list[Answer] = [(429, {"Retry-After": "0.05"}, {}), (503, {"Retry-After": "0"}, {})]
    receiver.behave = lambda request: answers.pop(0) if answers else ACCEPT
    result = run(con, hook(receiver.url, retry_seconds=5), HOOK_SYNC)

    assert (result.exit_code, result.syncs[0].acked) == (0, 12)
    assert len(receiver.requests) == 3
    assert len({request.headers["Idempotency-Key"] for request in receiver.requests}) == 1


def test_a_wait_beyond_the_patience_ends_the_sync(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """A receiver that asks for an hour gets the rows in the next run, under the same keys."""
    receiver.behave = lambda request: (429, {"Retry-After": "3600"}, {})
    first = run(con, hook(receiver.url, batch_size=4, retry_seconds=1), HOOK_SYNC)
    asked = [request.headers["Idempotency-Key"] for request in receiver.requests]
    pending = states(con)
    receiver.behave = lambda request: ACCEPT
    second = run(con, hook(receiver.url, batch_size=4), HOOK_SYNC, run_id="r2")

    assert (first.exit_code, first.syncs[0].status, first.syncs[0].unanswered) == (4, "failed", 4)
    assert "s3cr3t" not in str(first)
    assert len(asked) == 1
    assert pending == {"pending": 4}
    assert asked[0] == receiver.requests[1].headers["Idempotency-Key"]
    assert second.exit_code == 0
    assert receiver.rows == model(con)


def test_delivered_but_answered_500_is_sent_again_under_the_same_key(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """The receiver may have acted: only the key tells it that the second request is the first one."""
    receiver.behave = lambda request: (500, {}, {})
    receiver.apply_anyway = True
    run(con, hook(receiver.url), HOOK_SYNC)
    keys = {op["key"]: op["idempotency_key"] for op in receiver.operations}
    receiver.behave = lambda request: ACCEPT
    receiver.forget()
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")
    again = {op["key"]: op["idempotency_key"] for op in receiver.operations}
    deliveries = con.execute("select count(*), min(status), min(run_id) from exports.deliveries").fetchall()

    assert again == keys
    assert deliveries == [(12, "acked", "r2")]


def test_an_unanswered_row_whose_basis_is_lost_is_removed(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Nobody knows whether it arrived, so the removal is sent."""
    receiver.behave = lambda request: (500, {}, {})
    receiver.apply_anyway = True
    run(con, hook(receiver.url), HOOK_SYNC)
    receiver.behave = lambda request: ACCEPT
    say(con, "c00005", "withdrawn")
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")
    unknown = con.execute("select key from exports.deliveries where status = 'unknown'").fetchall()

    assert "c00005" not in receiver.rows
    assert unknown == [("c00005",)]


def test_wrong_credentials_stop_the_sync_at_once(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Every further request would end the same way."""
    receiver.behave = lambda request: (401, {}, {"message": "no"})
    result = run(con, hook(receiver.url, batch_size=2, headers={"Authorization": "Bearer s3cr3t"}), HOOK_SYNC)

    assert (result.exit_code, result.syncs[0].rejected) == (4, 2)
    assert len(receiver.requests) == 1
    assert receiver.requests[0].headers["Authorization"] == "Bearer s3cr3t"


def test_a_closed_port_leaves_rows_pending_and_says_so(con: duckdb.DuckDBPyConnection) -> None:
    """No receiver at all is exit 4, not a traceback."""
    result = run(con, hook("http://127.0.0.1:9/x?token=s3cr3t"), HOOK_SYNC)

    assert (result.exit_code, result.syncs[0].status) == (4, "failed")
    assert "ConnectError" in str(result.syncs[0].reason)
    assert "s3cr3t" not in str(result)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "insert into activation.sync_hook_people values ('c00001', 'x@y.z', 'Twin', 0)",
            "repeat a customer_id",
        ),
        (
            "insert into activation.sync_hook_people values (null, 'x@y.z', 'Nobody', 0)",
            "have no customer_id",
        ),
        ("delete from activation.sync_hook_people", "is empty while the destination holds 12 rows"),
    ],
)
def test_a_guard_holds_the_whole_sync_back(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, change: str, words: str
) -> None:
    """The only sync that was due is blocked: exit 3, no request, reason in the run log."""
    run(con, hook(receiver.url), HOOK_SYNC)
    receiver.forget()
    con.execute(change)
    result = run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")
    logged = con.execute("select status, reason from exports.runs where run_id = 'r2'").fetchall()

    assert result.exit_code == 3
    assert receiver.requests == []
    assert words in str(result.syncs[0].reason)
    assert logged == [("blocked", result.syncs[0].reason)]


def test_mass_removal_needs_both_limits_to_trip(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """60 of 300 are 20 % and pass; 61 are over both limits; a configured limit lets them go."""
    add_people(con, 12, 300)
    run(con, hook(receiver.url), HOOK_SYNC)
    con.execute("delete from activation.sync_hook_people where customer_id < 'c00061'")
    blocked = run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")
    add_people(con, 60, 61)
    allowed = run(con, hook(receiver.url), HOOK_SYNC, run_id="r3")
    con.execute("delete from activation.sync_hook_people where customer_id < 'c00200'")
    wide = replace(HOOK_SYNC, guards=Guards(max_delete_percent=90, max_drop_percent=90))
    forced = run(con, hook(receiver.url), wide, run_id="r4")

    assert (blocked.exit_code, allowed.exit_code, forced.exit_code) == (3, 0, 0)
    assert (allowed.syncs[0].removed, forced.syncs[0].removed) == (60, 140)
    assert receiver.rows == model(con)


def test_a_guard_on_one_sync_lets_the_others_go(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Exit 4 when some are blocked; 3 again once the others have nothing to send."""
    con.execute("create table activation.bad as select null as customer_id, 'x@y.z' as email")
    bad = replace(HOOK_SYNC, name="sync_hook_bad", relation="activation.bad")
    first = run(con, hook(receiver.url), bad, HOOK_SYNC)
    second = run(con, hook(receiver.url), bad, HOOK_SYNC, run_id="r2")

    assert [sync.status for sync in first.syncs] == ["blocked", "sent"]
    assert (first.exit_code, second.exit_code) == (4, 3)
    assert receiver.rows == model(con)


def test_guards_come_before_the_first_request(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """A model that is missing for the second sync stops the first one too."""
    lost = replace(HOOK_SYNC, name="sync_hook_lost", relation="activation.lost")

    with pytest.raises(CdpError, match="does not exist"):
        run(con, hook(receiver.url), HOOK_SYNC, lost)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("sync", "words"),
    [
        (replace(HOOK_SYNC, destination="crm"), "destination `crm` is not declared; declared: hook"),
        (replace(HOOK_SYNC, purpose="spam"), "purpose `spam` is not declared; declared: crm_upkeep"),
        (replace(HOOK_SYNC, contact_point="mail"), "has no column mail"),
        (replace(HOOK_SYNC, columns=("city",)), "has no column city"),
        (replace(HOOK_SYNC, contact_point=None), "consent needs a channel"),
    ],
)
def test_unknown_names_are_usage_errors(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, sync: SyncSpec, words: str
) -> None:
    """Exit 2: the message says what exists, and nothing is sent."""
    with pytest.raises(UsageError, match=words):
        run(con, hook(receiver.url), sync)
    assert receiver.requests == []


def test_a_dry_run_and_a_plan_change_nothing(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Both count what would be sent; neither ledger nor receiver notices."""
    say(con, "c00003", "denied")
    result = run(con, hook(receiver.url, batch_size=5), HOOK_SYNC, dry_run=True)
    (planned,) = plan(con, [HOOK_SYNC], PURPOSES, hook(receiver.url, batch_size=5), as_of=AS_OF)
    rows = con.execute("select count(*) from exports.ledger").fetchall()

    assert (result.syncs[0].status, result.syncs[0].added) == ("planned", 11)
    assert (planned.added, planned.requests, dict(planned.exclusions)) == (11, 3, {"denied": 1})
    assert (receiver.requests, rows) == ([], [(0,)])


def test_a_merge_moves_the_ledger_row(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """The same row under the surviving id sends nothing; a later change goes to the row the destination
    knows.
    """
    sync = replace(HOOK_SYNC, columns=("email", "first_name"))
    run(con, hook(receiver.url), sync)
    receiver.forget()
    con.execute("insert into marts.customer_redirects values ('c00008', 'c99998'), ('c99998', 'c99999')")
    for table in ("activation.sync_hook_people", "marts.consents"):
        con.execute(f"update {table} set customer_id = 'c99999' where customer_id = 'c00008'")
    run(con, hook(receiver.url), sync, run_id="r2")
    quiet = list(receiver.requests)
    con.execute("update activation.sync_hook_people set first_name = 'Merged' where customer_id = 'c99999'")
    run(con, hook(receiver.url), sync, run_id="r3")

    assert quiet == []
    assert [(op["key"], op["row"]["first_name"]) for op in receiver.operations] == [("c00008", "Merged")]
    assert len(receiver.rows) == 12


@pytest.mark.parametrize("mode", ["mirror", "upsert"])
def test_of_two_merged_rows_the_second_is_removed(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, mode: Mode
) -> None:
    """One person, one row at the destination, also where nothing else is ever removed."""
    sync = replace(HOOK_SYNC, mode=mode, columns=("email", "first_name"))
    run(con, hook(receiver.url), sync)
    receiver.forget()
    con.execute("insert into marts.customer_redirects values ('c00002', 'c00001')")
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00002'")
    result = run(con, hook(receiver.url), sync, run_id="r2")

    assert result.syncs[0].removed == 1
    assert [(op["operation"], op["key"]) for op in receiver.operations] == [("remove", "c00002")]


def test_an_undone_merge_gives_each_person_a_row_again(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """The moved row returns to its first owner; the other one is new."""
    sync = replace(HOOK_SYNC, columns=("email", "first_name"))
    run(con, hook(receiver.url), sync)
    con.execute("insert into marts.customer_redirects values ('c00008', 'c99999')")
    for table in ("activation.sync_hook_people", "marts.consents"):
        con.execute(f"update {table} set customer_id = 'c99999' where customer_id = 'c00008'")
    run(con, hook(receiver.url), sync, run_id="r2")
    receiver.forget()
    con.execute("delete from marts.customer_redirects")
    con.execute(
        "insert into activation.sync_hook_people select 'c00008', email, first_name, 0 "
        "from activation.sync_hook_people where customer_id = 'c99999'"
    )
    con.execute(
        "insert into marts.consents select * replace ('c00008' as customer_id) "
        "from marts.consents where customer_id = 'c99999'"
    )
    run(con, hook(receiver.url), sync, run_id="r3")

    assert [op["key"] for op in receiver.operations] == ["c99999"]
    assert set(receiver.rows) == set(model(con))


def test_a_refused_change_that_is_taken_back_needs_no_request(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """The destination still holds the accepted state, for certain."""
    run(con, hook(receiver.url), HOOK_SYNC)
    con.execute("update activation.sync_hook_people set first_name = 'Bad' where customer_id = 'c00000'")
    receiver.behave = lambda request: (422, {}, {})
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")
    receiver.forget()
    con.execute("update activation.sync_hook_people set first_name = 'Name 0' where customer_id = 'c00000'")
    result = run(con, hook(receiver.url), HOOK_SYNC, run_id="r3")

    assert (result.exit_code, receiver.requests, states(con)) == (0, [], {"acked": 12})


def test_a_grant_is_for_the_address_it_names(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Two records that are only probably one person: what one agreed to for its address is no agreement for the other's."""
    con.execute(
        "update marts.consents set contact_point = 'other@x.example' where customer_id = 'c00002' and state = 'granted'"
    )
    result = run(con, hook(receiver.url), HOOK_SYNC)

    assert result.syncs[0].acked == 11
    assert "c00002" not in receiver.rows


def test_consent_runs_out_between_two_runs(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """730 days after the grant nobody has done anything, and the person leaves all the same."""
    con.execute(
        "update marts.consents set obtained_at = timestamp '2025-06-01' where customer_id <= 'c00001'"
    )
    run(con, hook(receiver.url), HOOK_SYNC)
    before = len(receiver.rows)
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r2", as_of=AS_OF + timedelta(days=335))

    assert (before, len(receiver.rows)) == (12, 10)


def test_contract_needs_no_address_and_two_destinations_share_a_model(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, tmp_path: Any
) -> None:
    """A sync without a contact point sends under a contract, until an objection."""
    con.execute(
        "insert into marts.consents (customer_id, purpose, state) values ('c00009', 'crm_upkeep', 'objected')"
    )
    upkeep = replace(HOOK_SYNC, name="sync_hook_crm", purpose="crm_upkeep", contact_point=None)
    destinations: dict[str, DestinationSpec] = {**hook(receiver.url), **csv_file(tmp_path / "people.csv")}
    result = run(con, destinations, upkeep, FILE_SYNC)

    assert [sync.acked for sync in result.syncs] == [11, 12]
    assert "c00009" not in receiver.rows


def test_doubt_outlives_a_refusal(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """v2 got no answer, v3 was refused: the destination may hold v2, so going back to v1 is a change."""
    change = "update activation.sync_hook_people set first_name = $1 where customer_id = 'c00000'"
    run(con, hook(receiver.url), HOOK_SYNC)
    con.execute(change, ["v2"])
    receiver.behave, receiver.apply_anyway = (lambda request: (500, {}, {})), True
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")
    con.execute(change, ["v3"])
    receiver.behave, receiver.apply_anyway = (lambda request: (422, {}, {})), False
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r3")
    con.execute(change, ["Name 0"])
    receiver.behave = lambda request: ACCEPT
    run(con, hook(receiver.url), HOOK_SYNC, run_id="r4")

    assert receiver.rows == model(con)


def test_a_row_that_moves_onto_a_removed_key_uses_no_key_twice(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """The survivor of a merge had been sent and removed before: its operations are counted on from there."""
    sync = replace(HOOK_SYNC, columns=("email", "first_name"))
    run(con, hook(receiver.url), sync)
    for n, state in enumerate(("withdrawn", "granted", "withdrawn")):
        say(con, "c00001", state)
        run(con, hook(receiver.url), sync, run_id=f"s{n}")
    con.execute("insert into marts.customer_redirects values ('c00002', 'c00001')")
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00002'")
    say(con, "c00001", "granted")
    for n in range(3):
        con.execute(
            "update activation.sync_hook_people set first_name = $1 where customer_id = 'c00001'",
            [f"v{n % 2}"],
        )
        run(con, hook(receiver.url), sync, run_id=f"m{n}")
    seq = con.execute("select seq from exports.ledger where key = 'c00001'").fetchall()
    keys = [operation["idempotency_key"] for operation in receiver.operations]

    assert len(keys) == len(set(keys))
    assert seq == [(7,)]
    assert len(receiver.rows) == 11


def test_a_refusal_after_silence_stays_in_doubt(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Carried out, answered 500, then refused as known: the row stays pending under its key."""
    answers: list[Answer] = [(500, {"Retry-After": "0"}, {}), (409, {}, {"message": "seen"})]
    receiver.behave = lambda request: answers.pop(0) if answers else ACCEPT
    sync = replace(HOOK_SYNC, name="sync_hook_one", relation="activation.one")
    con.execute(
        "create table activation.one as from activation.sync_hook_people where customer_id = 'c00004'"
    )
    result = run(con, hook(receiver.url, retry_seconds=5), sync)
    state = con.execute("select state, reason from exports.ledger").fetchall()
    run(con, hook(receiver.url), sync, run_id="r2")

    assert (result.exit_code, result.syncs[0].unanswered) == (4, 1)
    assert state == [("pending", "HTTP 409 seen")]
    assert len({operation["idempotency_key"] for operation in receiver.operations}) == 1


def test_a_model_may_name_its_columns_as_the_ledger_does(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Keyed by something else than the profile, with the profile and all our own names among what is sent."""
    con.execute(
        """
        create table activation.letters as
        select
            'entry ' || customer_id as entry_id, customer_id, email as contact_point, first_name as row_mark,
            first_name as row_hash, first_name as key, first_name as state
        from activation.sync_hook_people
        """
    )
    sync = replace(
        HOOK_SYNC, relation="activation.letters", key="entry_id", contact_point="contact_point", mode="upsert"
    )
    first = run(con, hook(receiver.url), sync)
    con.execute("update activation.letters set state = 'changed' where customer_id = 'c00003'")
    receiver.forget()
    second = run(con, hook(receiver.url), sync, run_id="r2")

    assert (first.exit_code, first.syncs[0].acked, second.syncs[0].changed) == (0, 12, 1)
    assert [one["key"] for one in receiver.operations] == ["entry c00003"]
    assert receiver.rows["entry c00003"]["state"] == "changed"


def test_what_is_judged_does_not_depend_on_which_thread_is_quicker(con: duckdb.DuckDBPyConnection) -> None:
    """A snapshot begins at once: what the other thread enters into the ledger meanwhile counts for the next group."""
    ensure(con)
    with con.cursor() as clerk, outbox.snapshot(con):
        clerk.execute(
            """
            insert into exports.deliveries (sync, key, operation, status, idempotency_key, run_id, sent_at)
            values ('s', 'k', 'upsert', 'acked', uuid(), 'r', timestamp '2026-07-01')
            """
        )
        seen = con.execute("select count(*) from exports.deliveries").fetchall()
    assert seen == [(0,)]
    assert con.execute("select count(*) from exports.deliveries").fetchall() == [(1,)]


def test_a_ledger_of_hexadecimal_hashes_goes_on(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """What an earlier version wrote is known again: nothing is resent, and who left the model and withdraws is still found."""
    sync = replace(HOOK_SYNC, mode="upsert")
    run(con, hook(receiver.url), sync)
    con.execute("alter table exports.ledger alter column contact_point_hash type varchar")
    for table, column in (
        ("ledger", "row_hash"),
        ("ledger", "acked_hash"),
        ("deliveries", "idempotency_key"),
    ):
        text = f"replace(cast({column} as varchar), '-', '')"
        con.execute(f"alter table exports.{table} alter column {column} type varchar using {text}")
    con.execute("update exports.deliveries set idempotency_key = idempotency_key || repeat('0', 32)")
    con.execute(
        """
        update exports.ledger as ledger set contact_point_hash = sha256(people.email)
        from activation.sync_hook_people as people where people.customer_id = ledger.key
        """
    )
    receiver.forget()
    nothing = run(con, hook(receiver.url), sync, run_id="r2")
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00003'")
    con.execute("update marts.consents set state = 'withdrawn' where customer_id = 'c00003'")
    run(con, hook(receiver.url), sync, run_id="r3")

    assert (nothing.exit_code, nothing.syncs[0].unchanged) == (0, 12)
    assert [(one["operation"], one["key"]) for one in receiver.operations] == [("remove", "c00003")]
