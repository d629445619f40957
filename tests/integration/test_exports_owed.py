"""A guard holds a sync back, and the removal of whoever refused goes out all the same."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.exports import ExportResult, Guards, SyncSpec, plan
from pipelines.exports.specs import Mode
from tests.exports_fake import (
    AS_OF,
    FILE_SYNC,
    HOOK_SYNC,
    PURPOSES,
    Recorder,
    add_people,
    create_tables,
    csv_file,
    hook,
    run,
    say,
)

SYNC = replace(HOOK_SYNC, audience="spring")
# what a broken build may look like, and what its guard says
BROKEN = {
    "audience": (
        "create table marts.audience_guards as select 'spring' as audience, 2 as members, 'too few' as guard",
        "audience spring",
    ),
    "empty": ("delete from activation.sync_hook_people", "is empty"),
    "deletes": ("delete from activation.sync_hook_people where customer_id > 'c00140'", "would be removed"),
    "volume": ("delete from activation.sync_hook_people where customer_id > 'c00050'", "fewer than"),
    "repeated keys": (
        "insert into activation.sync_hook_people from activation.sync_hook_people",
        "repeat a customer_id",
    ),
    "no keys": ("update activation.sync_hook_people set customer_id = null", "have no customer_id"),
}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with two hundred people who all agreed."""
    with duckdb.connect() as connection:
        create_tables(connection)
        add_people(connection, 0, 200)
        yield connection


def break_it(con: duckdb.DuckDBPyConnection, how: str) -> None:
    """People refuse, change and vanish, and then the build breaks.

    Withdrawn with the row in the model (c00003) and out of it (c00199), suppressed by address (c00004), run out (c00005), no
    grant to be found (c00006), a changed row (c00007), a new one (c00200).
    """
    say(con, "c00003", "withdrawn")
    say(con, "c00199", "objected")
    con.execute("insert into customer.suppressions values (null, 'P4@example.com', 'email', 'bounced', null)")
    con.execute("update marts.consents set expires_at = $1 where customer_id = 'c00005'", [AS_OF])
    con.execute("delete from marts.consents where customer_id = 'c00006'")
    con.execute("update activation.sync_hook_people set first_name = 'New' where customer_id = 'c00007'")
    add_people(con, 200, 201)
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00199'")
    con.execute(BROKEN[how][0])


OWED = ["c00003", "c00004", "c00005", "c00199"]


def again(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, sync: SyncSpec, run_id: str
) -> tuple[ExportResult, list[tuple[str, str]]]:
    """One more run, and what arrived of it."""
    receiver.forget()
    result = run(con, hook(receiver.url), sync, run_id=run_id)
    return result, sorted((one["operation"], one["key"]) for one in receiver.operations)


@pytest.mark.parametrize(
    ("how", "mode"), [*((how, "mirror") for how in BROKEN), ("empty", "upsert"), ("repeated keys", "upsert")]
)
def test_who_refused_is_removed_and_nobody_else_is_touched(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, how: str, mode: Mode
) -> None:
    """Withdrawn, objected, suppressed and expired leave once; the sync stays blocked, exit 3, as the plan had said."""
    sync = replace(SYNC, mode=mode)
    run(con, hook(receiver.url), sync)
    break_it(con, how)
    (planned,) = plan(con, [sync], PURPOSES, hook(receiver.url), as_of=AS_OF)
    dry = run(con, hook(receiver.url), sync, run_id="dry", dry_run=True)
    result, arrived = again(con, receiver, sync, "r2")
    second, nothing = again(con, receiver, sync, "r3")
    logged = con.execute(
        "select run_id, status, owed, acked from exports.runs where run_id <> 'r1' order by run_id"
    ).fetchall()

    assert BROKEN[how][1] in str(planned.guard)
    assert (planned.owed, dry.syncs[0].owed) == (4, 4)
    assert arrived == [("remove", key) for key in OWED]
    assert (result.exit_code, result.syncs[0].status, result.syncs[0].reason) == (
        3,
        "blocked",
        str(planned.guard),
    )
    assert (second.exit_code, nothing) == (3, [])
    assert logged == [("r2", "blocked", 4, 4), ("r3", "blocked", 0, 0)]
    assert set(receiver.rows) == {f"c{n:05d}" for n in range(200)} - set(OWED)


def test_all_the_rest_goes_once_the_guard_lets_it(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """The changed, the new and the one without a grant waited; the removed are not removed twice."""
    run(con, hook(receiver.url), SYNC)
    break_it(con, "audience")
    again(con, receiver, SYNC, "r2")
    con.execute("drop table marts.audience_guards")
    result, arrived = again(con, receiver, SYNC, "r3")

    assert result.exit_code == 0
    assert arrived == [("remove", "c00006"), ("upsert", "c00007"), ("upsert", "c00200")]


def test_an_owed_removal_that_failed_is_tried_again(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """No answer: pending, said in the reason, and sent under the same key next time, blocked or not."""
    run(con, hook(receiver.url), SYNC)
    break_it(con, "empty")
    receiver.behave = lambda request: (503, {}, {})
    failed, tried = again(con, receiver, SYNC, "r2")
    keys = {one["key"]: one["idempotency_key"] for one in receiver.operations}
    receiver.behave = lambda request: (200, {}, {})
    (planned,) = plan(con, [SYNC], PURPOSES, hook(receiver.url), as_of=AS_OF)
    result, arrived = again(con, receiver, SYNC, "r3")

    assert (failed.exit_code, failed.syncs[0].status, failed.syncs[0].unanswered) == (3, "blocked", 4)
    assert "4 of 4 removals that are owed in spite of it did not go out" in str(failed.syncs[0].reason)
    assert tried == arrived == [("remove", key) for key in OWED]
    assert planned.owed == 4
    assert {one["key"]: one["idempotency_key"] for one in receiver.operations} == keys
    assert result.syncs[0].acked == 4


def test_the_address_that_was_sent_decides_not_the_one_in_the_model(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """The old address withdrew and the new one agreed: while the model is in doubt, the old one still has to go."""
    run(con, hook(receiver.url), SYNC)
    con.execute("insert into marts.consents select * replace ('new@example.com' as contact_point) from marts.consents where customer_id = 'c00003'")  # fmt: skip # noqa: E501
    con.execute("update marts.consents set state = 'withdrawn' where contact_point = 'p3@example.com'")
    con.execute(
        "update activation.sync_hook_people set email = 'new@example.com' where customer_id = 'c00003'"
    )
    con.execute(BROKEN["audience"][0])
    _, arrived = again(con, receiver, SYNC, "r2")
    con.execute("drop table marts.audience_guards")
    _, later = again(con, receiver, SYNC, "r3")

    assert (arrived, later) == ([("remove", "c00003")], [("upsert", "c00003")])


def test_what_cannot_be_taken_back_is_not_owed(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, tmp_path: Path
) -> None:
    """Events were said, corrections went into a row that was not ours; a file is written whole or not at all."""
    for mode in ("append", "update_only"):
        sync = replace(SYNC, name=f"sync_{mode}", mode=mode)
        run(con, hook(receiver.url), sync, run_id=f"{mode}1")
        say(con, "c00003", "withdrawn")
        con.execute("create or replace table marts.audience_guards as select 'spring' as audience, 2 as members, 'too few' as guard")  # fmt: skip # noqa: E501
        result, arrived = again(con, receiver, sync, f"{mode}2")
        assert (result.exit_code, result.syncs[0].owed, arrived) == (3, 0, [])
        con.execute("drop table marts.audience_guards")
        say(con, "c00003", "granted")
    path = tmp_path / "people.csv"
    run(con, csv_file(path), FILE_SYNC, run_id="file1")
    before = path.read_bytes()
    break_it(con, "empty")
    result = run(con, csv_file(path), FILE_SYNC, run_id="file2")
    assert (result.exit_code, result.syncs[0].owed, path.read_bytes()) == (3, 0, before)


def test_blocked_runs_stay_out_of_the_median_though_they_removed(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """However often the broken build comes back, each time with somebody new who refuses."""
    sync = replace(SYNC, mode="upsert", guards=Guards(max_delete_percent=100))
    run(con, hook(receiver.url), sync)
    con.execute(BROKEN["volume"][0])
    for n in range(8):
        say(con, f"c{n:05d}", "withdrawn")
        result = run(con, hook(receiver.url), sync, run_id=f"b{n}", as_of=AS_OF + timedelta(minutes=n))
        assert (result.exit_code, result.syncs[0].acked) == (3, 1)
