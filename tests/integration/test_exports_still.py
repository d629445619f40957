"""A plan that found nothing to do is taken for true again only while everything it was made of is as it was."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest

from pipelines.exports import plan
from pipelines.exports.plan import discard, prepare
from tests.exports_fake import (
    AS_OF,
    HOOK_SYNC,
    PURPOSES,
    Recorder,
    add_people,
    create_tables,
    hook,
    run,
    say,
)

CHANGES = {
    "a row of the model": "update activation.sync_hook_people set first_name = 'New' where customer_id = 'c00003'",
    "a row less": "delete from activation.sync_hook_people where customer_id = 'c00003'",
    "two rows swapped": """
        update activation.sync_hook_people set first_name = if(customer_id = 'c00003', 'Name 4', 'Name 3')
        where customer_id in ('c00003', 'c00004')
    """,
    "a withdrawal": "update marts.consents set state = 'withdrawn' where customer_id = 'c00003'",
    "a grant that ends soon": """
        update marts.consents set expires_at = timestamp '2026-07-01 00:30:00' where customer_id = 'c00003'
    """,
    "a suppression": "insert into customer.suppressions values ('c00003', null, 'email', 'hard_bounce', null)",
    "a merge": "insert into marts.customer_redirects values ('c00003', 'c00004')",
    "a hold": """
        create table customer.send_holds as
        select 'c00003' as customer_id, 'email_marketing' as purpose, cast(null as varchar) as audience,
            'holdout' as reason, false as is_deferred
    """,
    "the ledger": "update exports.ledger set acked_hash = uuid(), acked_mark = 1 where key = 'c00003'",
}


@pytest.fixture
def con(receiver: Recorder) -> Iterator[duckdb.DuckDBPyConnection]:
    """Twelve people who were all sent, and a run that found nothing to do."""
    with duckdb.connect() as con:
        create_tables(con)
        add_people(con, 0, 12)
        for run_id in ("r1", "r2"):
            run(con, hook(receiver.url), HOOK_SYNC, run_id=run_id)
        yield con


def is_still(con: duckdb.DuckDBPyConnection, url: str) -> bool:
    """Whether the next plan is the last one."""
    prepared = prepare(con, [HOOK_SYNC], PURPOSES, hook(url), as_of=AS_OF)
    discard(con, prepared)
    return prepared[0].is_still


def test_a_plan_is_recalled_and_reads_as_a_new_one(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    recalled = plan(con, [HOOK_SYNC], PURPOSES, hook(receiver.url), as_of=AS_OF)
    assert is_still(con, receiver.url)
    con.execute("delete from exports.still")
    assert not is_still(con, receiver.url)
    assert plan(con, [HOOK_SYNC], PURPOSES, hook(receiver.url), as_of=AS_OF) == recalled
    assert (recalled[0].unchanged, recalled[0].due) == (12, 0)


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_changes_makes_a_new_plan(
    con: duckdb.DuckDBPyConnection, receiver: Recorder, what: str
) -> None:
    """The plan after a change is the one that is made without memory."""
    con.execute(CHANGES[what])
    assert not is_still(con, receiver.url)
    found = plan(con, [HOOK_SYNC], PURPOSES, hook(receiver.url), as_of=AS_OF)
    con.execute("delete from exports.still")
    assert plan(con, [HOOK_SYNC], PURPOSES, hook(receiver.url), as_of=AS_OF) == found


def test_time_alone_ends_a_plan_where_a_grant_ends(
    con: duckdb.DuckDBPyConnection, receiver: Recorder
) -> None:
    """Nothing is written meanwhile: the grants of January run out after two years, and everybody is removed then."""
    to = hook(receiver.url)
    sync = replace(HOOK_SYNC, guards=replace(HOOK_SYNC.guards, max_delete_percent=100))
    run(con, to, sync, run_id="r3")
    late = AS_OF + timedelta(days=2 * 366)
    (before,) = plan(con, [sync], PURPOSES, to, as_of=AS_OF + timedelta(days=1))
    (after,) = plan(con, [sync], PURPOSES, to, as_of=late)
    (earlier,) = plan(con, [sync], PURPOSES, to, as_of=AS_OF - timedelta(days=400))

    assert (before.unchanged, before.removed) == (12, 0)
    assert (after.unchanged, after.removed) == (0, 12)
    assert earlier.removed == 12, "a grant had not begun then"


def test_another_configuration_makes_a_new_plan(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    sync = replace(HOOK_SYNC, columns=("customer_id", "email"))
    (found,) = plan(con, [sync], PURPOSES, hook(receiver.url), as_of=AS_OF)
    assert found.changed == 12


def test_a_row_that_waits_is_looked_at_every_time(con: duckdb.DuckDBPyConnection, receiver: Recorder) -> None:
    """A refused row is tried again in every run: a plan with it is not taken for quiet."""
    receiver.behave = lambda request: (422, {}, {"message": "no"})
    con.execute(CHANGES["a row of the model"])
    say(con, "c00005", "withdrawn")
    for run_id in ("r3", "r4"):
        assert run(con, hook(receiver.url), HOOK_SYNC, run_id=run_id).syncs[0].status == "failed"
    assert not is_still(con, receiver.url)
