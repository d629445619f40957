"""Decisions of people about identity: merge, split and pin, kept as rows and applied before every rule.

`identity.overrides` is memory: one row per decision and record, never deleted, only revoked. `identity.override_effects` is what
holds of it, worked out again at every build: the newest decision wins, and one that contradicts newer ones stays listed with the
decision that beat it. Identifiers given on the command line are resolved to record keys at entry, so a decision means the
same records for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

TABLES = (
    "create schema if not exists identity",
    "create table if not exists identity.overrides (id bigint, verb varchar, group_id bigint, side varchar, record_key varchar,"
    " author varchar, note varchar, decided_at timestamp, revoked_at timestamp, revoked_by bigint)",
    "create table if not exists identity.override_effects (effect varchar, override_id bigint, record_key varchar,"
    " other_key varchar, side varchar, newest_rank bigint)",
)


@dataclass(frozen=True)
class Decision:
    """One decision: verb merge, split or pin; records per side (merge: `a`; split: `a`, `b`; pin: `record`, `target`)."""

    number: int
    verb: str
    sides: dict[str, tuple[str, ...]]
    author: str = ""
    note: str = ""
    at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: int | None = None

    @property
    def records(self) -> list[str]:
        """All records it speaks of."""
        return [record for side in self.sides.values() for record in side]


@dataclass
class Effects:
    """What holds: joined pairs and pinned records (with decision and rank, 1 = newest), walls, units, and who lost to whom.

    A unit is what joined pairs make one: each record with the smallest key of its unit.
    """

    joined: list[tuple[int, int, str, str]] = field(default_factory=list)
    pinned: list[tuple[int, int, str]] = field(default_factory=list)
    apart: list[tuple[int, str, str]] = field(default_factory=list)
    units: list[tuple[str, str]] = field(default_factory=list)
    beaten: dict[int, int] = field(default_factory=dict)


class Groups:
    """Union-find over record keys."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, key: str) -> str:
        """The key that stands for the group now."""
        self.parent.setdefault(key, key)
        while self.parent[key] != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def join(self, one: str, other: str) -> None:
        """Make two groups one."""
        self.parent[self.find(other)] = self.find(one)

    def units(self, keys: set[str]) -> list[tuple[str, str]]:
        """Each key with the smallest of those given that lie in its group."""
        smallest: dict[str, str] = {}
        for key in sorted(keys):
            smallest.setdefault(self.find(key), key)
        return [(key, smallest[self.find(key)]) for key in sorted(keys)]


def resolve(decisions: Sequence[Decision]) -> Effects:
    """Work out what holds, newest decision first; a pure function of the rows.

    A merge or pin that would join what a newer split keeps apart loses to it; a split of what newer ones join loses to the newest
    of them; of two pins of a record the newer one holds.
    """
    effects, groups = Effects(), Groups()
    pins: dict[str, int] = {}
    held: list[Decision] = []
    live = [one for one in decisions if one.revoked_at is None]
    for rank, one in enumerate(sorted(live, key=lambda d: (d.at or datetime.min, d.number), reverse=True), 1):
        winner = _beaten_by(one, groups, held, pins)
        if winner is not None:
            effects.beaten[one.number] = winner
            continue
        held.append(one)
        if one.verb == "split":
            effects.apart += [
                (one.number, record, side) for side, records in one.sides.items() for record in records
            ]
            continue
        centre, *others = one.records
        for other in others:
            groups.join(centre, other)
            effects.joined.append((one.number, rank, centre, other))
        if one.verb == "pin":
            for record in one.sides["record"]:
                pins[record] = one.number
                effects.pinned.append((one.number, rank, record))
    effects.units = groups.units({record for _, _, *pair in effects.joined for record in pair})
    return effects


def _beaten_by(one: Decision, groups: Groups, held: list[Decision], pins: dict[str, int]) -> int | None:
    """The newer decision that this one contradicts, if any."""
    if one.verb == "split":
        sides = {side: {groups.find(record) for record in records} for side, records in one.sides.items()}
        common = set.intersection(*sides.values())
        return next(
            (
                newer.number
                for newer in held
                if newer.verb != "split" and {groups.find(r) for r in newer.records} & common
            ),
            None,
        )
    if one.verb == "pin":
        for record in one.sides["record"]:
            if record in pins:
                return pins[record]
    together = {groups.find(record) for record in one.records}
    for wall in held:
        if wall.verb == "split":
            met = [
                side for side, records in wall.sides.items() if {groups.find(r) for r in records} & together
            ]
            if len(met) > 1:
                return wall.number
    return None


def ensure(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables where they are missing."""
    for statement in TABLES:
        con.execute(statement)


def read(con: duckdb.DuckDBPyConnection) -> list[Decision]:
    """All decisions ever made, oldest first."""
    rows = con.execute(
        "select group_id, any_value(verb), any_value(coalesce(author, '')), any_value(coalesce(note, '')), any_value(decided_at),"
        " any_value(revoked_at), any_value(revoked_by), list({'side': side, 'record_key': record_key} order by id)"
        " from identity.overrides group by group_id order by group_id"
    ).fetchall()
    found = []
    for number, verb, author, note, at, revoked_at, revoked_by, members in rows:
        sides: dict[str, tuple[str, ...]] = {}
        for member in members:
            sides[member["side"]] = (*sides.get(member["side"], ()), member["record_key"])
        found.append(Decision(number, verb, sides, author, note, at, revoked_at, revoked_by))
    return found


def refresh_effects(con: duckdb.DuckDBPyConnection) -> Effects:
    """Write anew what holds of all decisions, in one transaction."""
    ensure(con)
    effects = resolve(read(con))
    rows: list[tuple[str, int, str, str | None, str | None, int | None]] = [
        ("joined", number, record, other, None, rank) for number, rank, record, other in effects.joined
    ]
    rows += [("pinned", number, record, None, None, rank) for number, rank, record in effects.pinned]
    rows += [("apart", number, record, None, side, None) for number, record, side in effects.apart]
    rows += [("unit", 0, record, smallest, None, None) for record, smallest in effects.units]
    con.begin()
    con.execute("delete from identity.override_effects")
    if rows:
        con.executemany("insert into identity.override_effects values (?, ?, ?, ?, ?, ?)", rows)
    con.commit()
    return effects


def record(
    con: duckdb.DuckDBPyConnection,
    verb: str,
    sides: Mapping[str, Sequence[str]],
    author: str,
    note: str,
    at: datetime,
) -> tuple[int, list[int]]:
    """Write a decision; a split first revokes the merges and pins that hold records of both its sides together.

    Returns the number of the decision and those it revoked.
    """
    ensure(con)
    con.begin()
    row = con.execute(
        "select coalesce(max(id), 0), coalesce(max(group_id), 0) + 1 from identity.overrides"
    ).fetchone()
    assert row is not None
    first, number = int(row[0]), int(row[1])
    revoked: list[int] = []
    if verb == "split":
        a, b = (set(sides[side]) for side in ("a", "b"))
        for one in read(con):
            mine = set(one.records)
            if one.verb != "split" and one.revoked_at is None and mine & a and mine & b:
                con.execute(
                    "update identity.overrides set revoked_at = ?, revoked_by = ? where group_id = ?",
                    [at, number, one.number],
                )
                revoked.append(one.number)
    members = [(side, key) for side, keys in sides.items() for key in keys]
    con.executemany(
        "insert into identity.overrides values (?, ?, ?, ?, ?, ?, ?, ?, null, null)",
        [
            (first + place, verb, number, side, key, author, note, at)
            for place, (side, key) in enumerate(members, 1)
        ],
    )
    con.commit()
    return number, revoked


def revoke(con: duckdb.DuckDBPyConnection, number: int, at: datetime) -> bool:
    """Take a decision back; False when there is none of that number that still holds."""
    ensure(con)
    found = con.execute(
        "update identity.overrides set revoked_at = ? where group_id = ? and revoked_at is null returning id",
        [at, number],
    ).fetchall()
    return bool(found)
