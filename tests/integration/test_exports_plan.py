"""Plan and apply, modes, guards that are forced, holds, deadline: what decides about what is sent."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.errors import BlockedError, UsageError
from pipelines.exports import Guards, Stop, SyncSpec, plan, run_syncs
from pipelines.exports.plan import discard, prepare
from pipelines.exports.plan_file import plan_values, read_plan, write_plan
from pipelines.exports.samples import samples
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
    create_tables,
    csv_file,
    hook,
    run,
    say,
)

CHANGE = "update activation.sync_hook_people set first_name = $1 where customer_id = $2"
HOLDS = """
create table customer.send_holds (
    customer_id varchar, purpose varchar, audience varchar, reason varchar, is_deferred boolean
)
"""


def planned(con: duckdb.DuckDBPyConnection, url: str, sync: SyncSpec = HOOK_SYNC) -> Any:
    """The plan of one sync."""
    (one,) = plan(con, [sync], PURPOSES, hook(url), as_of=AS_OF)
    return one


def applied(
    con: duckdb.DuckDBPyConnection, path: Path, url: str, *syncs: SyncSpec, **options: Any
) -> dict[str, Any]:
    """Apply a plan file; the first sync of the result as values."""
    result = run_syncs(
        con, syncs or (HOOK_SYNC,), PURPOSES, hook(url), run_id="apply", as_of=AS_OF, now=AS_OF,
        expected=read_plan(path), **options,
    )  # fmt: skip
    return dict(result.to_dict()["syncs"][0])


def saved(con: duckdb.DuckDBPyConnection, path: Path, url: str) -> Path:
    """A plan file of the sync."""
    write_plan(path, plan_values([planned(con, url)], AS_OF, AS_OF))
    return path


def test_what_is_planned_is_what_is_sent(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, tmp_path: Path
) -> None:
    """Every count of the plan comes true when it is applied."""
    run(con, hook(receiver.url), HOOK_SYNC)
    receiver.forget()
    add_people(con, 12, 15)
    con.execute(CHANGE, ["New", "c00003"])
    say(con, "c00007", "withdrawn")
    path = saved(con, tmp_path / "plan.json", receiver.url)
    counts = planned(con, receiver.url)
    done = applied(con, path, receiver.url)
    sent = sorted((op["operation"], op["key"]) for op in receiver.operations)

    assert (counts.added, counts.changed, counts.removed, counts.unchanged) == (3, 1, 1, 10)
    assert {name: done[name] for name in ("added", "changed", "removed", "retried", "unchanged")} == {
        "added": 3, "changed": 1, "removed": 1, "retried": 0, "unchanged": 10,
    }  # fmt: skip
    assert sent == [("remove", "c00007"), *(("upsert", f"c{n:05d}") for n in (3, 12, 13, 14))]
    assert len(receiver.requests) == counts.requests


def test_a_plan_file_tells_nothing_about_anybody(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, tmp_path: Path
) -> None:
    """Counts and hashes only; the samples that are shown are masked."""
    text = saved(con, tmp_path / "plan.json", receiver.url).read_text()
    prepared = prepare(con, [HOOK_SYNC], PURPOSES, hook(receiver.url), as_of=AS_OF)
    shown = samples(con, prepared[0])
    discard(con, prepared)

    for secret in ("p3@", "example.com", "Name", "c0000", "s3cr3t"):
        assert secret not in text
    assert shown[0] == {
        "action": "added",
        "key": "c***",
        "row": {"customer_id": "c***", "email": "p***@***", "first_name": "N***", "revenue": "***"},
    }


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ("update activation.sync_hook_people set revenue = 7 where customer_id = 'c00002'", "data"),
        ("delete from activation.sync_hook_people where customer_id = 'c00002'", "data"),
        ("update marts.consents set state = 'withdrawn' where customer_id = 'c00002'", "data and consents"),
        ("insert into customer.suppressions values ('c00002', null, null, 'deceased', null)", "consents"),
    ],
)
def test_a_plan_that_has_moved_is_not_applied(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, tmp_path: Path, moves: str, words: str
) -> None:
    """Exit 3, nothing sent, and the message says what is no longer as it was read."""
    path = saved(con, tmp_path / "plan.json", receiver.url)
    con.execute(moves)
    with pytest.raises(BlockedError, match=words):
        applied(con, path, receiver.url)
    assert receiver.requests == []


def test_a_plan_is_for_one_configuration_and_one_time(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, tmp_path: Path
) -> None:
    """Another mapping, another sync, or the same plan a second time: refused."""
    path = saved(con, tmp_path / "plan.json", receiver.url)
    for syncs, words in (
        ([replace(HOOK_SYNC, columns=("email",))], "configuration"),
        ([replace(HOOK_SYNC, guards=Guards(max_delete_rows=1))], "configuration"),
        ([HOOK_SYNC, replace(HOOK_SYNC, name="sync_two")], "`sync_two` is not in the plan"),
    ):
        with pytest.raises(BlockedError, match=words):
            applied(con, path, receiver.url, *syncs)
    first = applied(con, path, receiver.url)
    with pytest.raises(BlockedError, match="data"):
        applied(con, path, receiver.url)
    (tmp_path / "other.json").write_text('{"format": "x"}')
    with pytest.raises(UsageError, match="is no plan"):
        read_plan(tmp_path / "other.json")

    assert first["acked"] == 12
    assert len(receiver.operations) == 12


def states(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """State by key."""
    return dict(con.execute("select key, state from exports.ledger").fetchall())


@pytest.mark.parametrize(
    ("mode", "left", "withdrawn", "changed"),
    [
        ("upsert", [], ["c00002"], ["c00003"]),
        ("mirror", ["c00001"], ["c00002"], ["c00003"]),
        ("membership", ["c00001"], ["c00002"], ["c00003"]),
        ("create_only", [], ["c00002"], ["c00003"]),
        ("update_only", [], [], ["c00003"]),
        ("append", [], [], []),
    ],
)
def test_what_each_mode_does_when_a_row_leaves_withdraws_or_changes(
    con: duckdb.DuckDBPyConnection,
    receiver: Recorder,
    mode: Mode,
    left: list[str],
    withdrawn: list[str],
    changed: list[str],
) -> None:
    """Only mirrors remove what left; all that write rows of their own remove who withdrew; an event is said once."""
    sync = replace(HOOK_SYNC, mode=mode)
    run(con, hook(receiver.url), sync)
    told = {op.get("mode") for op in receiver.operations}
    receiver.forget()
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00001'")
    say(con, "c00002", "withdrawn")
    con.execute(CHANGE, ["New", "c00003"])
    run(con, hook(receiver.url), sync, run_id="r2")
    sent = {(op["operation"], op["key"]) for op in receiver.operations}
    receiver.forget()
    run(con, hook(receiver.url), sync, run_id="r3")

    assert sent == {*(("remove", key) for key in left + withdrawn), *(("upsert", key) for key in changed)}
    assert told == {None if mode in ("upsert", "mirror") else mode}
    assert receiver.requests == []


def test_who_left_an_upsert_and_then_withdraws_is_removed(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """What stays at the destination needs its basis as long as it stays, in the model or not."""
    sync = replace(HOOK_SYNC, mode="upsert")
    run(con, hook(receiver.url), sync)
    receiver.forget()
    con.execute("delete from activation.sync_hook_people where customer_id <= 'c00003'")
    run(con, hook(receiver.url), sync, run_id="r2")
    quiet = list(receiver.requests)
    say(con, "c00002", "withdrawn")
    con.execute("update marts.consents set expires_at = timestamp '2026-06-30' where customer_id = 'c00003'")
    result = run(con, hook(receiver.url), sync, run_id="r3")

    assert quiet == []
    assert [(op["operation"], op["key"]) for op in receiver.operations] == [
        ("remove", "c00002"),
        ("remove", "c00003"),
    ]
    assert (result.syncs[0].removed, result.syncs[0].excluded) == (2, 0)


def test_an_event_that_may_have_arrived_keeps_its_key_when_its_row_changes(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Append: a key is sent once for ever; a new idempotency key would make a second event of it."""
    sync = replace(HOOK_SYNC, mode="append")
    receiver.behave, receiver.apply_anyway = (lambda request: (500, {}, {})), True
    run(con, hook(receiver.url), sync)
    con.execute("update activation.sync_hook_people set first_name = 'New'")
    receiver.behave = lambda request: ACCEPT
    run(con, hook(receiver.url), sync, run_id="r2")
    keys = {op["idempotency_key"] for op in receiver.operations}

    assert (len(receiver.operations), len(keys)) == (24, 12)
    assert set(states(con).values()) == {"acked"}


def test_a_row_that_was_left_alone_is_not_removed(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Create-only finds somebody there already: accepted, asked again when the row changes, never deleted by us."""
    alone = {"key": "c00004", "skipped": True, "reason": "exists"}
    receiver.behave = lambda request: (200, {}, {"results": [alone]})
    sync = replace(HOOK_SYNC, mode="create_only")
    run(con, hook(receiver.url), sync)
    told = con.execute("select status, reason from exports.deliveries where key = 'c00004'").fetchall()
    receiver.forget()
    for person in ("c00004", "c00005"):
        say(con, person, "withdrawn")
    run(con, hook(receiver.url), sync, run_id="r2")

    assert told == [("acked", "left alone: exists")]
    assert [(op["operation"], op["key"]) for op in receiver.operations] == [("remove", "c00005")]


def test_fill_empty_is_told_to_the_destination(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """With every row, and refused where the destination could not honour it."""
    run(con, hook(receiver.url), replace(HOOK_SYNC, fill_empty=("first_name",)))

    assert {tuple(op["fill_empty"]) for op in receiver.operations} == {("first_name",)}
    with pytest.raises(UsageError, match="cannot honour fill_empty"):
        run(con, csv_file(Path("/tmp/x.csv")), replace(FILE_SYNC, fill_empty=("first_name",)))
    with pytest.raises(UsageError, match="cannot do mode append; it does: upsert, mirror"):
        run(con, csv_file(Path("/tmp/x.csv")), replace(FILE_SYNC, mode="append"))
    with pytest.raises(UsageError, match="has no column nickname"):
        run(con, hook(receiver.url), replace(HOOK_SYNC, fill_empty=("nickname",)))


def test_a_model_that_has_shrunk_to_half_is_held_back_until_somebody_says_why(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Volume against the median of the last runs; blocked runs do not wear the guard out; the reason is kept."""
    sync = replace(HOOK_SYNC, mode="upsert")
    add_people(con, 12, 200)
    for n in range(7):
        run(con, hook(receiver.url), sync, run_id=f"g{n}")
    con.execute("delete from activation.sync_hook_people where customer_id >= 'c00090'")
    con.execute("update activation.sync_hook_people set first_name = 'New'")
    receiver.forget()
    blocked = [run(con, hook(receiver.url), sync, run_id=f"b{n}") for n in range(8)]
    quiet = len(receiver.requests)
    forced = run_syncs(
        con, [sync], PURPOSES, hook(receiver.url), run_id="f1", as_of=AS_OF, now=AS_OF,
        force={sync.name: "the spring list"},
    )  # fmt: skip
    logged = con.execute("select status, reason, forced from exports.runs where run_id = 'f1'").fetchall()

    assert [one.exit_code for one in blocked] == [3] * 8
    assert "has 90 rows, over 50 % fewer than the 200 of the last 7 runs" in str(blocked[0].syncs[0].reason)
    assert quiet == 0
    assert (forced.exit_code, forced.syncs[0].acked) == (0, 90)
    assert logged[0][0] == "sent"
    assert logged[0][1].startswith("forced over a guard: activation.sync_hook_people has 90 rows")
    assert logged[0][2] == "the spring list"


def test_an_audience_out_of_its_limits_holds_its_syncs_back(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Who left a doubted list is not removed either; other syncs go on; a reason lets it through."""
    sync = replace(HOOK_SYNC, audience="spring")
    run(con, hook(receiver.url), sync)
    con.execute(
        "create table marts.audience_guards as select 'spring' as audience, 11 as members, 'changed too much' as guard"
    )
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00003'")
    receiver.forget()
    blocked = run(con, hook(receiver.url), sync, run_id="r2")
    assert (blocked.exit_code, receiver.requests) == (3, [])
    assert blocked.syncs[0].reason == "audience spring (11 members): changed too much"

    assert run(con, hook(receiver.url), replace(sync, audience="autumn"), run_id="r3").exit_code == 0
    assert [(one["operation"], one["key"]) for one in receiver.operations] == [("remove", "c00003")]


def test_a_reason_does_not_mend_keys_and_names_a_sync_that_exists(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Without a key there is no telling which row is meant."""
    con.execute("insert into activation.sync_hook_people values ('c00001', 'x@y.z', 'Twin', 0)")
    options: dict[str, Any] = {"run_id": "f1", "as_of": AS_OF, "now": AS_OF}
    result = run_syncs(con, [HOOK_SYNC], PURPOSES, hook(receiver.url), force={"*": "why"}, **options)
    with pytest.raises(UsageError, match="no sync is named sync_x"):
        run_syncs(con, [HOOK_SYNC], PURPOSES, hook(receiver.url), force={"sync_x": "why"}, **options)

    assert (result.exit_code, receiver.requests) == (3, [])
    assert "cannot be forced" in str(result.syncs[0].reason)


def test_a_quiet_day_of_events_is_no_broken_build(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Append syncs take nothing back, so an empty model does no harm."""
    sync = replace(HOOK_SYNC, mode="append")
    run(con, hook(receiver.url), sync)
    con.execute("delete from activation.sync_hook_people")
    result = run(con, hook(receiver.url), sync, run_id="r2")

    assert (result.exit_code, result.syncs[0].status) == (0, "unchanged")


def test_holds_stop_or_defer_rows_of_their_purpose_and_audience(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """A stop is an exclusion and takes the row away; a deferral takes nothing away and lets changes wait."""
    con.execute(HOLDS)
    con.execute(
        """
        insert into customer.send_holds values
        ('c00000', 'email_marketing', null, 'holdout', false),
        ('c00001', 'email_marketing', 'winback', 'frequency cap', false),
        ('c00002', 'email_marketing', 'other', 'frequency cap', false),
        ('c00003', 'service_recovery', null, 'holdout', false),
        ('c00004', 'email_marketing', 'winback', 'quiet hours', true)
        """
    )
    sync = replace(HOOK_SYNC, audience="winback")
    first = run(con, hook(receiver.url), sync)
    con.execute("delete from customer.send_holds")
    second = run(con, hook(receiver.url), sync, run_id="r2")
    receiver.forget()
    con.execute(CHANGE, ["New", "c00005"])
    con.execute(
        """
        insert into customer.send_holds values
        ('c00005', 'email_marketing', null, 'quiet hours', true), ('c00006', 'email_marketing', null, 'holdout', false)
        """
    )
    third = run(con, hook(receiver.url), sync, run_id="r3")

    assert dict(first.syncs[0].exclusions) == {"frequency cap": 1, "holdout": 1}
    assert (first.syncs[0].deferred, first.syncs[0].acked, first.exit_code) == (1, 9, 0)
    assert (second.syncs[0].added, second.syncs[0].deferred) == (3, 0)
    assert (third.syncs[0].deferred, third.syncs[0].removed, third.syncs[0].changed) == (1, 1, 0)
    assert [(op["operation"], op["key"]) for op in receiver.operations] == [("remove", "c00006")]


def test_a_deferral_keeps_what_a_file_has_and_adds_nothing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A set is written whole: who is in it stays, who is new waits."""
    con.execute(HOLDS)
    target = tmp_path / "people.csv"
    con.execute(
        "insert into customer.send_holds values ('c00004', 'email_marketing', null, 'quiet hours', true)"
    )
    run(con, csv_file(target), FILE_SYNC)
    first = target.read_text()
    con.execute(
        "update customer.send_holds set customer_id = 'c00005'; "
        "update activation.sync_hook_people set first_name = 'New' where customer_id = 'c00005'"
    )
    second = run(con, csv_file(target), FILE_SYNC, run_id="r2")

    assert "c00004" not in first
    assert "c00005" in first
    assert "c00004" in target.read_text()
    assert "New" in target.read_text()
    assert (second.syncs[0].added, second.syncs[0].changed, second.syncs[0].deferred) == (1, 1, 0)


def test_the_deadline_ends_a_run_between_batches(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """What was sent is written down, what was not is not pending; the next run sends the rest."""
    stop = Stop(3600)

    def last(request: Request) -> Answer:
        stop.seconds = 0
        return ACCEPT

    receiver.behave = last
    two = replace(HOOK_SYNC, name="sync_two")
    result = run_syncs(
        con, [HOOK_SYNC, two], PURPOSES, hook(receiver.url, batch_size=5), run_id="r1", as_of=AS_OF, now=AS_OF,
        stop=stop,
    )  # fmt: skip
    left = con.execute("select count(*), min(state) from exports.ledger").fetchall()
    receiver.behave = lambda request: ACCEPT
    after = run(con, hook(receiver.url, batch_size=5), HOOK_SYNC, two, run_id="r2")

    assert [(one.status, one.acked) for one in result.syncs] == [("interrupted", 5), ("interrupted", 0)]
    assert (result.exit_code, left) == (4, [(5, "acked")])
    assert "deadline" in str(result.syncs[0].reason)
    assert [one.acked for one in after.syncs] == [7, 12]
    assert len(receiver.operations) == 24


def test_a_pause_does_not_outlast_the_deadline(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """A destination that asks for an hour of patience is left for the next run; its rows are pending."""
    stop = Stop(3600)

    def later(request: Request) -> Answer:
        stop.seconds = 3600 - stop.seconds_left + 0.2
        return 429, {"Retry-After": "50"}, {}

    receiver.behave = later
    result = run_syncs(
        con, [HOOK_SYNC], PURPOSES, hook(receiver.url, retry_seconds=100), run_id="r1", as_of=AS_OF, now=AS_OF,
        stop=stop,
    )  # fmt: skip

    assert (result.exit_code, result.syncs[0].unanswered) == (4, 12)
    assert len(receiver.requests) == 1


CHILD = """
import signal, sys
import duckdb
from pipelines.exports import Stop, run_syncs
from tests.exports_fake import AS_OF, HOOK_SYNC, PURPOSES, hook
stop = Stop()
signal.signal(signal.SIGTERM, lambda number, frame: stop.ask(128 + number))
with duckdb.connect(sys.argv[1]) as con:
    run_syncs(con, [HOOK_SYNC], PURPOSES, hook(sys.argv[2], batch_size=50), run_id="r1", as_of=AS_OF, now=AS_OF, stop=stop)
sys.exit(stop.exit_code or 0)
"""


def test_sigterm_finishes_the_batch(receiver: Recorder, tmp_path: Path) -> None:
    """Exit 143, and not one row whose state the ledger does not know."""
    path = tmp_path / "cdp.duckdb"
    with duckdb.connect(str(path)) as con:
        create_tables(con)
        add_people(con, 0, 400)
    children: list[subprocess.Popen[bytes]] = []

    def kill_at_second(request: Request) -> Answer:
        if len(receiver.requests) == 2:
            children[0].send_signal(signal.SIGTERM)
        return ACCEPT

    receiver.behave = kill_at_second
    children.append(subprocess.Popen([sys.executable, "-c", CHILD, str(path), receiver.url]))
    code = children[0].wait(60)
    with duckdb.connect(str(path)) as con:
        known = con.execute("select state, count(*) from exports.ledger group by all").fetchall()
        status = con.execute("select status, acked from exports.runs").fetchall()

    assert code == 143
    assert known == [("acked", len(receiver.operations))]
    assert status == [("interrupted", len(receiver.operations))]
    assert len(receiver.operations) in (100, 150)


@pytest.mark.parametrize("point", ["export.pending", "export.sent", "export.acked"])
def test_a_kill_in_the_middle_of_a_bisection_repeats_no_request_under_another_key(
    receiver: Recorder, tmp_path: Path, point: str
) -> None:
    """Each half is a request of its own with its own key; what is sent again has the key it had."""
    path = tmp_path / "cdp.duckdb"
    with duckdb.connect(str(path)) as con:
        create_tables(con)
        add_people(con, 0, 40)

    def refuse(request: Request) -> Answer:
        bad = any(operation["key"] == "c00013" for operation in request.operations)
        return (400, {}, {"error": "bad row"}) if bad else ACCEPT

    receiver.behave = refuse
    child = "from tests.exports_fake import child; child()"
    for n in range(2, 9):
        subprocess.run(
            [sys.executable, "-c", child, str(path), receiver.url, f"k{n}"],
            env=os.environ | {"CDP_FAIL_AT": f"{point}:{n // 2 + 1}"}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    with duckdb.connect(str(path)) as con:
        final = run(con, hook(receiver.url, batch_size=50), HOOK_SYNC, run_id="last")
        bad = con.execute("select key, state from exports.ledger where state <> 'acked'").fetchall()
    keys: dict[str, set[tuple[str, ...]]] = {}
    for request in receiver.requests:
        members = tuple(op["idempotency_key"] for op in request.operations)
        keys.setdefault(request.headers["Idempotency-Key"], set()).add(members)
    accepted: dict[str, set[str]] = {}
    for request in receiver.requests:
        for operation in request.operations:
            accepted.setdefault(operation["key"], set()).add(operation["idempotency_key"])

    assert all(len(members) == 1 for members in keys.values()), "one key, two requests"
    assert all(len(used) == 1 for key, used in accepted.items() if key != "c00013")
    assert final.syncs[0].rejected == 1
    assert bad == [("c00013", "rejected")]
    assert len(receiver.rows) == 39


def test_a_half_whose_basis_is_lost_is_not_sent(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """Between the refusal of a batch and its second half somebody withdraws: not sent, and not pending for ever."""

    def refuse(request: Request) -> Answer:
        if len(request.operations) == 12:
            with con.cursor() as other:
                say(other, "c00011", "withdrawn")
            return 400, {}, {}
        return ACCEPT

    receiver.behave = refuse
    first = run(con, hook(receiver.url), HOOK_SYNC)
    second = run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")

    assert dict(first.syncs[0].exclusions) == {"basis lost before sending": 1}
    assert (first.syncs[0].acked, second.exit_code) == (11, 0)
    assert [len(request.operations) for request in receiver.requests] == [12, 6, 5]
    assert states(con)["c00011"] == "removed"


def test_plans_are_made_with_later_clocks(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, tmp_path: Path
) -> None:
    """A consent that runs out between plan and apply moves the plan."""
    path = saved(con, tmp_path / "plan.json", receiver.url)
    con.execute(
        "update marts.consents set expires_at = timestamp '2026-07-01 12:00' where customer_id = 'c00001'"
    )
    with pytest.raises(BlockedError, match="consents"):
        run_syncs(
            con, [HOOK_SYNC], PURPOSES, hook(receiver.url), run_id="a", as_of=AS_OF + timedelta(days=1), now=AS_OF,
            expected=read_plan(path),
        )  # fmt: skip
    assert json.loads(path.read_text())["syncs"][0]["added"] == 12


@pytest.mark.parametrize(
    ("held", "leave", "reason"),
    [
        (60, 12, None),
        (60, 13, "13 of 60 rows would be removed, over 20 % and over 10 rows"),
        (40, 10, None),
        (12, 7, None),
    ],
)
def test_removals_are_held_back_by_share_and_not_in_tiny_lists(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, held: int, leave: int, reason: str | None
) -> None:
    """A fifth may leave; ten may leave any list; one more of both and nothing is sent."""
    add_people(con, 12, held)
    con.execute("delete from activation.sync_hook_people where customer_id >= $1", [f"c{held:05d}"])
    run(con, hook(receiver.url), HOOK_SYNC)
    sent = con.execute("select count(*) from exports.ledger").fetchall()[0][0]
    receiver.forget()
    con.execute("delete from activation.sync_hook_people where customer_id < $1", [f"c{leave:05d}"])
    result = run(con, hook(receiver.url), HOOK_SYNC, run_id="r2")

    assert sent == held
    assert result.exit_code == (3 if reason else 0)
    assert str(result.syncs[0].reason or "") == (reason or "")
    assert len(receiver.operations) == (0 if reason else leave)
