"""Law 5 at full length: random consent histories of thousands of people, sent day by day, against a plain reference.

Each person has addresses, some of them shared; says yes and no for addresses and as a whole, on two channels; lets consents run
out; is merged into somebody, and sometimes out again; is suppressed; changes address. After each day: nothing was sent without a
basis, everybody without one is gone from the destinations, everybody with one is there, and the proof over the delivery log
(`tests/dbt/singular/assert_nothing_was_sent_without_a_basis.sql`) finds nothing. Small by default; `CDP_PROOF=1`: 10,000.
"""

import os
import random
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pipelines.exports import DestinationSpec, Guards, PurposeSpec, SyncSpec, run_syncs
from tests.exports_fake import create_tables
from tests.exports_memory import Memory, memory_type

PEOPLE = 10_000 if os.environ.get("CDP_PROOF") == "1" else 600
DAYS = 6
SEED = 20260701
START = datetime(2026, 7, 1)
NEWS = PurposeSpec("news", "consent", "email", 60)
CARE = PurposeSpec("care", "legitimate_interest", "email")
PURPOSES = {"news": NEWS, "care": CARE}
MIRROR = SyncSpec(
    "mirror_news", "activation.people", "customer_id", "mirror", "news", "email", "memory",
    guards=Guards(max_delete_percent=100, max_drop_percent=100),
)  # fmt: skip
UPSERT = replace(MIRROR, name="upsert_care", mode="upsert", purpose="care", relation="activation.callable")
PROOF_SQL = Path(__file__).resolve().parents[1] / "dbt/singular/assert_nothing_was_sent_without_a_basis.sql"
REFUSALS = ("withdrawn", "denied", "objected")


@dataclass(frozen=True)
class Event:
    """One statement, by the person it was made by (before any merge)."""

    record: str
    person: str
    point: str | None
    channel: str
    purpose: str
    state: str
    at: datetime
    day: int


class World:
    """Who exists, what they said, who they were merged into."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.people = [f"c{n:05d}" for n in range(PEOPLE)]
        self.points = {
            person: [
                f"shared{dice.randrange(PEOPLE // 20)}@x.io" if dice.random() < 0.05 else f"{person}.{n}@x.io"
                for n in range(dice.randint(1, 3))
            ]
            for person in self.people
        }
        self.shown = {person: points[0] for person, points in self.points.items()}
        self.merged: dict[str, str] = {}
        self.owners: dict[str, str] = {}  # as the build before left them
        self.suppressed: dict[tuple[str | None, str | None], int] = {}  # person or address -> day
        self.events: list[Event] = []

    def owner(self, person: str) -> str:
        """The profile somebody belongs to now."""
        while person in self.merged:
            person = self.merged[person]
        return person

    def say(self, person: str, day: int) -> None:
        """One statement; yes is frequent, or hardly anything would be sent."""
        dice = self.dice
        self.events.append(
            Event(
                record=f"r{len(self.events)}",
                person=person,
                point=dice.choice([*self.points[person] * 3, None]),
                channel=dice.choice(["email"] * 6 + ["sms"]),
                purpose=dice.choice(["news", "news", "care"]),
                state=dice.choice(["granted"] * 12 + ["withdrawn", "withdrawn", "denied", "objected"]),
                # hours are coarse: two statements at one moment are not rare
                at=START
                + timedelta(
                    days=day - dice.choice([0, 0, 1, 3, 40, 58, 59, 61]), hours=dice.randrange(-24, 0, 6)
                ),
                day=day,
            )
        )

    def live(self, day: int) -> None:
        """What a day brings."""
        dice = self.dice
        for person in self.people:
            if day == 0:
                self.events.append(
                    Event(
                        f"r{len(self.events)}",
                        person,
                        self.points[person][0],
                        "email",
                        "news",
                        "granted",
                        START - timedelta(days=dice.choice([1, 20, 57, 58, 59])),
                        0,
                    )
                )
            for _ in range(dice.choice([0, 0, 1] if day else [0, 1, 2])):
                self.say(person, day)
            roll = dice.random()
            if roll < 0.03 and person not in self.merged and (other := dice.choice(self.people)) != person:
                if self.owner(other) != person:
                    self.merged[person] = other
            elif roll < 0.04:
                self.merged.pop(person, None)
            elif roll < 0.05:
                stop = dice.choice([(person, None), (None, self.points[person][0])])
                self.suppressed.setdefault(stop, day)
            elif roll < 0.1:
                self.shown[person] = dice.choice(self.points[person])

    def rows(self) -> dict[str, str]:
        """Profile -> the address it is written to; the merged have none of their own."""
        return {person: self.shown[person] for person in self.people if person not in self.merged}


def note_owners(con: duckdb.DuckDBPyConnection, world: World, day: int) -> None:
    """Whose each record is, and what has changed since the day before."""
    for person in world.people:
        now, before = world.owner(person), world.owners.get(person)
        if day and now != before:
            con.execute(
                "insert into node_owner_changes values ($1, $2, $3, $3)", [person, before, f"run{day}"]
            )
        world.owners[person] = now
    con.execute(
        "create or replace table node_customers as select unnest($1) as node_id, unnest($2) as customer_id",
        [list(world.owners), list(world.owners.values())],
    )


def load(con: duckdb.DuckDBPyConnection, world: World, day: int, as_of: datetime) -> None:
    """The warehouse of a day: models, consents as the latest word of each address, suppressions, redirects, raw statements."""
    con.execute(
        "delete from activation.people; delete from activation.callable; delete from marts.customer_redirects"
    )
    con.execute(
        "delete from customer.suppressions; delete from stops; delete from marts.consents; delete from events"
    )
    note_owners(con, world, day)
    rows = world.rows()
    con.execute(
        "insert into activation.people select unnest($1), unnest($2), $3",
        [list(rows), list(rows.values()), "v"],
    )
    # who is called changes from day to day, and those who left stay at the destination (upsert)
    con.execute(
        "insert into activation.callable from activation.people where hash(customer_id) % 3 <> $1", [day % 3]
    )
    if world.merged:
        con.execute(
            "insert into marts.customer_redirects select unnest($1), unnest($2)",
            [list(world.merged), list(world.merged.values())],
        )
    for (customer, point), since in sorted(world.suppressed.items(), key=str):
        owner = world.owner(customer) if customer else None
        con.execute("insert into stops values ('s', $1, $2, $3, null)", [since, customer, point])
        con.execute("insert into customer.suppressions values ($1, $2, null, 'x', null)", [owner, point])
    columns = [
        [one.record for one in world.events],
        [world.owner(one.person) for one in world.events],
        [one.point for one in world.events],
        [one.channel for one in world.events],
        [one.purpose for one in world.events],
        [one.state for one in world.events],
        [one.at for one in world.events],
        [one.day for one in world.events],
        [one.person for one in world.events],
    ]
    con.execute(f"insert into events select {', '.join(f'unnest(${n + 1})' for n in range(9))}, 's'", columns)
    con.execute(
        """
        insert into marts.consents by name
        select
            customer_id, contact_point, channel, purpose, state, occurred_at as obtained_at, record_id as consent_record_id
        from events
        where state <> 'granted' or occurred_at <= $as_of
        qualify row_number() over (
            partition by customer_id, contact_point, channel, purpose
            order by occurred_at desc, state = 'granted', state, record_id
        ) = 1
        """,
        {"as_of": as_of},
    )


class Reference:
    """The rule as one would tell it, from the statements themselves; every step can only say no."""

    def __init__(self, world: World, as_of: datetime) -> None:
        self.as_of = as_of
        self.stops_person: set[tuple[str, str]] = set()  # purpose, profile
        self.stops_point: set[tuple[str, str]] = set()  # purpose, address
        self.no_point: set[tuple[str, str, str]] = set()
        self.granted: dict[tuple[str, str], datetime] = {}  # profile, address -> when, for news by mail
        self.suppressed_people = {world.owner(who) for who, point in world.suppressed if who}
        self.suppressed_points = {point for who, point in world.suppressed if point}
        heard: dict[tuple[str, str | None, str, str], list[Event]] = defaultdict(list)
        for one in world.events:
            if one.state != "granted" or one.at <= as_of:
                heard[world.owner(one.person), one.point, one.channel, one.purpose].append(one)
        for (profile, point, channel, purpose), said in heard.items():
            last = max(one.at for one in said)
            words = {one.state for one in said if one.at == last}
            if words == {"granted"}:
                if channel == "email" and purpose == "news" and point:
                    self.granted[profile, point] = last
                continue
            if point:
                self.stops_point.add((purpose, point))
            if words & {"denied", "objected"} or point is None:
                self.stops_person.add((purpose, profile))

    def may(self, profile: str, point: str, purpose: PurposeSpec) -> bool:
        """Whether this address of this profile may be written to."""
        if profile in self.suppressed_people or point in self.suppressed_points:
            return False
        if (purpose.name, profile) in self.stops_person or (purpose.name, point) in self.stops_point:
            return False
        if purpose.basis != "consent":
            return True
        at = self.granted.get((profile, point))
        return at is not None and at + timedelta(days=60) > self.as_of


def proof(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """What the dbt test finds in the delivery log."""
    names = {"int_consent__events": "events", "int_consent__stops": "stops", "stg_consents": "events"}
    text = PROOF_SQL.read_text(encoding="utf-8")
    text = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", lambda found: names.get(found[1], found[1]), text)
    text = text.replace("{{ sql_type('string') }}", "varchar")
    text = re.sub(r"\{\{ channel_family\('(.+?)'\) \}\}", r"\1", text)
    text = re.sub(
        r"\{\{ source\('(\w+)', '(\w+)'\) \}\}",
        lambda found: f"{ {'exports_log': 'exports'}.get(found[1], found[1]) }.{found[2]}",
        text,
    )
    return con.execute(text).fetchall()


def open_world() -> duckdb.DuckDBPyConnection:
    """Tables of the exports, of the raw statements and of the loads they came with."""
    con = duckdb.connect()
    create_tables(con)
    con.execute(
        """
        create schema ops;
        create table activation.people (customer_id varchar, email varchar, note varchar);
        create table activation.callable (customer_id varchar, email varchar, note varchar);
        create table events (
            record_id varchar, customer_id varchar, contact_point varchar, channel varchar, purpose varchar, state varchar,
            occurred_at timestamp, load_seq integer, node_id varchar, source varchar default 's'
        );
        create table stops (source varchar, load_seq integer, node_id varchar, contact_point varchar, channel varchar);
        create table node_owner_changes (node_id varchar, old_customer_id varchar, run_id varchar, change_seq varchar);
        create table config_purposes (purpose varchar, channel varchar);
        insert into config_purposes values ('news', 'email'), ('care', 'email');
        create table ops.built_loads as select 's' as source, range as load_seq, 'run' || range as run_id from range(10);
        """
    )
    return con


def test_nothing_is_sent_without_a_basis_and_every_withdrawal_arrives() -> None:
    """Day by day: what was sent was lawful, who may no longer be written to is gone, who may is there."""
    world, memory = World(random.Random(SEED)), Memory()
    seen: dict[str, int] = defaultdict(int)
    with memory_type(memory), open_world() as con:
        for day in range(DAYS):
            world.live(day)
            as_of = START + timedelta(days=day)
            load(con, world, day, as_of)
            reference = Reference(world, as_of)
            memory.arrived.clear()
            before = {name: len(rows) for name, rows in memory.rows.items()}
            result = run_syncs(
                con, [MIRROR, UPSERT], PURPOSES, {"memory": DestinationSpec("memory", "memory")},
                run_id=f"run{day}", as_of=as_of.replace(tzinfo=UTC), now=as_of,
            )  # fmt: skip
            assert result.exit_code == 0, result
            check_day(world, reference, memory, seen, day)
            seen["removed"] += sum(one.removed for one in result.syncs)
            seen["before"] += sum(before.values())

            assert proof(con) == []
        planted_violations_are_found(con)

    assert (
        min(seen[name] for name in ("news sent", "care sent", "removed", "news not", "care not"))
        > PEOPLE / 20
    ), seen


def check_day(world: World, reference: Reference, memory: Memory, seen: dict[str, int], day: int) -> None:
    """The destinations and what went there, against the reference."""
    rows = world.rows()
    for sync, operation in memory.arrived:
        if operation.operation == "upsert":
            purpose = PURPOSES[sync.partition("_")[2]]
            row = operation.row
            assert reference.may(row["customer_id"], row["email"], purpose), (day, sync, row)
            seen[f"{purpose.name} sent"] += 1
    lawful = sorted((who, point) for who, point in rows.items() if reference.may(who, point, NEWS))
    seen["news not"] += len(rows) - len(lawful)
    held = sorted((row["customer_id"], row["email"]) for row in memory.rows["mirror_news"].values())
    assert {point for _, point in held} == {point for _, point in lawful}
    assert len(held) == len(lawful)
    for row in memory.rows["upsert_care"].values():
        # written under an id that may have been merged since; its address is what was agreed on
        owner = world.owner(row["customer_id"])
        assert reference.may(owner, row["email"], CARE), (day, row, owner)
    seen["care not"] += sum(not reference.may(who, point, CARE) for who, point in rows.items())


def planted_violations_are_found(con: duckdb.DuckDBPyConnection) -> None:
    """Each of them alone, and nothing else."""
    one = "(select min(idempotency_key) from exports.deliveries where basis = 'consent' and operation = 'upsert')"
    plants = {
        "no live grant": f"update exports.deliveries set grant_expires_at = judged_at where idempotency_key = {one}",
        "nothing was judged": f"update exports.deliveries set judged_at = null where idempotency_key = {one}",
        "the grant is no statement of a source": f"""
            update exports.deliveries set consent_record_id = (
                select min(record_id) from events where state = 'withdrawn' and load_seq = 0
            ) where idempotency_key = {one}
        """,
        "refused before it was sent": """
            insert into events
            select
                'late', customer_id, (
                    select any_value(contact_point) from events
                    where cast(left(sha256(contact_point), 32) as uuid) = contact_point_hash
                ), 'email', purpose, 'withdrawn', granted_at + interval 1 second, 0, null, 's'
            from exports.deliveries where idempotency_key = (
                select min(idempotency_key) from exports.deliveries as mine
                where basis = 'consent' and operation = 'upsert' and not exists (
                    select 1 from events
                    where cast(left(sha256(contact_point), 32) as uuid) = mine.contact_point_hash
                        and occurred_at > mine.granted_at
                )
            )
        """,
        "stopped before it was sent": """
            insert into stops
            select 's', 0, null, (
                select any_value(contact_point) from events
                where cast(left(sha256(contact_point), 32) as uuid) = contact_point_hash
            ), null
            from exports.deliveries where basis = 'legitimate_interest' and operation = 'upsert' and contact_point_hash in (
                select cast(left(sha256(contact_point), 32) as uuid) from events
            )
            order by idempotency_key limit 1
        """,
        "stopped as a person before it was sent": f"""
            insert into stops
            select 's', 0, customer_id, null, null from exports.deliveries
            where idempotency_key = {one}
        """,
        "refused as a person before it was sent": f"""
            insert into events
            select
                'late', customer_id, 'else@x.io', 'email', purpose, 'denied', judged_at - interval 1 second, 0, customer_id, 's'
            from exports.deliveries where idempotency_key = {one}
        """,
    }
    for problem, statement in plants.items():
        con.execute("begin")
        con.execute(statement)
        found = {told for _, told in proof(con)}
        con.execute("rollback")

        assert found == {problem}, (problem, found)
