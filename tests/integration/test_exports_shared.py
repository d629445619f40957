"""Two people with one address are one member of a list: it goes with the last of them, whatever happens to either."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from pipelines.exports import DestinationSpec, Guards
from tests.exports_fake import HOOK_SYNC, create_tables, run
from tests.loopback import loopback
from tests.vendors import ads, mailchimp
from tests.vendors.ads import Google, Meta
from tests.vendors.mailchimp import Mailchimp

PEOPLE = [f"c{n}" for n in range(6)]
ADDRESSES = [f"a{n}@x.io" for n in range(4)]
SYNC = replace(
    HOOK_SYNC,
    columns=("email", "first_name"),
    guards=Guards(max_delete_percent=100, max_drop_percent=100, allow_empty=True),
)
OPTIONS: dict[str, dict[str, Any]] = {
    **ads.OPTIONS,
    "mailchimp": {
        "api_key": mailchimp.KEY,
        "list_id": "abc123",
        "fields": {"first_name": "FNAME"},
        "on_removal": "archive",
    },
}


def members(fake: Any) -> set[str]:
    """The addresses that the list has."""
    if isinstance(fake, Mailchimp):
        subscribed = {key for key, one in fake.members.items() if one["status"] == "subscribed"}
        return {one for one in ADDRESSES if hashlib.md5(one.encode()).hexdigest() in subscribed}
    inside = " ".join(fake.members if isinstance(fake, Google) else fake.people)
    return {one for one in ADDRESSES if hashlib.sha256(one.encode()).hexdigest() in inside}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty warehouse in which everybody has agreed for every address."""
    with duckdb.connect() as connection:
        create_tables(connection)
        connection.execute(
            """
            insert into marts.consents
            select
                people.customer_id, addresses.email, 'email', 'email_marketing', 'granted', 'consent',
                timestamp '2026-01-01', null, 'v1', 'form', 'consent:' || customer_id || email
            from (select unnest($1) as customer_id) as people, (select unnest($2) as email) as addresses
            """,
            [PEOPLE, ADDRESSES],
        )
        yield connection


Step = Callable[..., set[str]]


@pytest.fixture(params=OPTIONS)
def step(request: pytest.FixtureRequest, con: duckdb.DuckDBPyConnection) -> Iterator[Step]:
    """Make the model as told (person -> address), run, and say who is on the list of one platform."""
    kind = request.param
    fake: Any = {"google_customer_match": Google, "meta_custom_audiences": Meta, "mailchimp": Mailchimp}[
        kind
    ]()
    with loopback(fake) as server:
        runs = 0

        def one(batch_size: int = 100, **people: str) -> set[str]:
            nonlocal runs
            runs += 1
            con.execute("delete from activation.sync_hook_people")
            for person, address in people.items():
                # a name that changes with every run: rows that stay are written again, before and after those that leave
                name = f"Name {runs}" if person in ("c1", "c3") else "Name"
                con.execute(
                    "insert into activation.sync_hook_people values ($1, $2, $3, 0)", [person, address, name]
                )
            options = {**OPTIONS[kind], "base_url": server.url, "retry_seconds": 0, "batch_size": batch_size}
            result = run(con, {"hook": DestinationSpec("hook", kind, options)}, SYNC, run_id=f"r{runs}")
            assert result.exit_code == 0
            return members(fake)

        yield one


def test_an_address_leaves_with_the_last_who_has_it(step: Step, con: duckdb.DuckDBPyConnection) -> None:
    """One leaves, one moves away, both move away at once, one comes as the other goes, the address itself withdraws."""
    both, other = ADDRESSES[:2]

    assert step(c1=both, c2=both) == {both}
    assert step(c2=both) == {both}
    assert step(c1=both, c2=other) == {both, other}
    assert step(c1=other, c2=other) == {other}
    assert step(c1=both, c2=both) == {both}
    assert step(c4=both) == {both}
    assert step(c2=other, c4=other) == {other}
    con.execute(
        "update marts.consents set state = 'withdrawn' where customer_id = 'c2' and contact_point = $1",
        [other],
    )
    assert step(c2=other, c4=other) == set()


@pytest.mark.parametrize("batch_size", [1, 2])
def test_any_history_leaves_exactly_the_addresses_of_the_model(step: Step, batch_size: int) -> None:
    """Random comings, goings and changes, in batches so small that one run takes several."""
    draw = random.Random(20260701)
    for _ in range(12):
        people = {one: draw.choice(ADDRESSES) for one in PEOPLE if draw.random() < 0.6}
        assert step(batch_size=batch_size, **people) == set(people.values())
