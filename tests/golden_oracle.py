"""The golden record a second time, in plain Python and one customer after the other: what the SQL must equal.

Knows nothing of SQL, ranks or increments. It reads versions of contact records, what trackers were told, mentions and bounces of
one company whose people are known, and says per customer and field which value is shown, and from when to when each one was.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

EARLIEST, LATEST = datetime(1, 1, 1), datetime(9999, 1, 1)
SEPARATOR = "\x1f"
INITIAL = re.compile(r"[a-zà-ɏα-ωа-я]\.?( |$)")
GROUPS = {
    "email": ("email",),
    "phone": ("phone",),
    "name": ("first_name", "last_name", "full_name"),
    "address": ("street", "city", "region", "postal_code", "country"),
    "company": ("company",),
    "tier": ("tier",),  # an attribute that cdp.yml declares
}


@dataclass(frozen=True)
class Version:
    """One delivered version of a contact record; `values` by canonical column."""

    record_id: str
    source: str
    updated_at: datetime | None
    created_at: datetime | None
    load_seq: int
    values: dict[str, str]
    verified: bool = False


@dataclass(frozen=True)
class Mention:
    """An address or telephone given with something else than a contact record."""

    node_id: str
    source: str
    field: str
    value: str
    records: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass
class World:
    """What there is to decide from. `owners` names the customer of a record or node."""

    owners: dict[str, str]
    versions: Sequence[Version]
    mentions: Sequence[Mention] = ()
    bounced: dict[tuple[str, str], datetime] = field(default_factory=dict)  # (field, value) -> since
    refused: set[tuple[str, str]] = field(default_factory=set)  # (field, value)
    written: dict[tuple[str, str, str], datetime] = field(
        default_factory=dict
    )  # (record, field, value in lower case)
    components: dict[str, str] = field(default_factory=dict)  # customer -> component, where several share one
    strategy: dict[str, str] = field(default_factory=dict)  # field -> strategy
    places: dict[str, int] = field(default_factory=dict)  # source -> place, 1 the best
    bulk_rows: int = 10
    bulk_share: float = 0.01


@dataclass
class Voice:
    """One record's word for a value over a stretch of time."""

    customer: str
    field: str
    value: str
    source: str
    node: str
    starts: datetime | None
    ends: datetime | None
    is_current: bool
    basis: str | None
    load_seq: int
    verified: bool = False
    tier: int = 0
    mentions: int = 0
    known: datetime | None = None
    usable: bool = True

    def alive(self, moment: datetime) -> bool:
        """Whether the word stands at a moment."""
        return (self.starts or EARLIEST) <= moment < (self.ends or LATEST)


def packed(unit: str, values: dict[str, str]) -> str | None:
    """The fields of a unit as one text; a whole name is made of its parts."""
    parts = [values.get(one, "") for one in GROUPS[unit]]
    if unit == "name" and not parts[2] and parts[0] and parts[1]:
        parts[2] = f"{parts[0]} {parts[1]}"
    return SEPARATOR.join(parts) if any(parts) else None


def bulk(world: World) -> set[tuple[str, datetime]]:
    """Seconds that too many versions of a source carry."""
    stamps: dict[str, list[datetime]] = defaultdict(list)
    for one in world.versions:
        if one.updated_at:
            stamps[one.source].append(one.updated_at.replace(microsecond=0))
    found = set()
    for source, seconds in stamps.items():
        days_only = len({second.time() for second in seconds}) == 1
        share = 0.5 if days_only else world.bulk_share
        for second in set(seconds):
            n = seconds.count(second)
            if n >= world.bulk_rows and n > share * len(seconds):
                found.add((source, second))
    return found


def voices(world: World) -> list[Voice]:
    """Every word of a record, with the stretch of time over which it stands."""
    stamps = bulk(world)
    records: dict[str, list[Version]] = defaultdict(list)
    for one in world.versions:
        records[one.record_id].append(one)
    told: list[Voice] = []
    emptied: dict[tuple[str, str, str, str], datetime] = {}
    for record, versions in records.items():
        versions.sort(key=lambda one: (one.updated_at or EARLIEST, one.load_seq))
        for unit in GROUPS:
            mine, gone = _stretches(world, unit, record, versions, stamps)
            told += mine
            for key, at in gone.items():
                emptied[key] = max(at, emptied.get(key, EARLIEST))
    for word in told:
        _judge(world, word, emptied)
    return told


def _stretches(
    world: World, unit: str, record: str, versions: list[Version], stamps: set[tuple[str, datetime]]
) -> tuple[list[Voice], dict[tuple[str, str, str, str], datetime]]:
    evidence: datetime | None = None
    steps: list[Voice] = []
    for number, one in enumerate(versions):
        stamp = one.updated_at
        if stamp and (one.source, stamp.replace(microsecond=0)) in stamps:
            stamp = None
        known = [moment for moment in (evidence, stamp or one.created_at) if moment]
        evidence = max(known) if known else None
        value = packed(unit, one.values) or ""
        if steps and steps[-1].value == value:
            steps[-1].verified |= one.verified and unit == "email"
            steps[-1].starts = steps[-1].starts or evidence
            steps[-1].load_seq = max(steps[-1].load_seq, one.load_seq)
            continue
        basis = "changed" if stamp and number else "stamped" if stamp else None
        if basis is None and evidence:
            basis = "created" if number == 0 else "not before"
        steps.append(
            Voice(
                world.owners[record],
                unit,
                value,
                one.source,
                record,
                evidence,
                None,
                False,
                basis,
                one.load_seq,
                one.verified and unit == "email",
            )
        )
    gone = {}
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        step.ends = after.starts if after else None
        step.is_current = after is None
        step.known = step.starts
        if after and not after.value and after.starts:
            gone[step.customer, step.source, unit, step.value] = after.starts
    return [step for step in steps if step.value], gone


def _judge(world: World, one: Voice, emptied: dict[tuple[str, str, str, str], datetime]) -> None:
    ends = [one.ends] if one.ends else []
    if one.is_current:
        withdrawn = emptied.get((one.customer, one.source, one.field, one.value))
        if withdrawn and (one.starts is None or one.starts <= withdrawn):
            ends.append(withdrawn)
        if (one.field, one.value) in world.bounced:
            ends.append(world.bounced[one.field, one.value])
    written = world.written.get((one.node, one.field, one.value.lower()))
    ours = written is not None and not (
        one.basis in ("stamped", "changed") and one.starts is not None and one.starts < written
    )
    refused = one.is_current and (one.field, one.value) in world.refused
    one.usable = not ours and not refused and (one.is_current or one.ends is not None)
    one.ends = min(ends) if ends else None


def ranked(world: World, words: Sequence[Voice]) -> list[Voice]:
    """The words of one customer and field at one moment, the winner first."""
    sources: dict[str, set[str]] = defaultdict(set)
    for one in words:
        sources[one.value.lower()].add(one.source)
    spelled = {_name_key(one.value) for one in words if one.field == "name" and _spells(one.value)}
    placed = {_street(one.value) for one in words if one.field == "address" and _town(one.value)}

    def order(one: Voice) -> tuple[object, ...]:
        strategy = world.strategy.get(one.field, "most_recent")
        parts = one.value.split(SEPARATOR)
        whole = True
        if one.field == "name":
            whole = bool(parts[2]) and (_spells(one.value) or _name_key(one.value) not in spelled)
        elif one.field == "address":
            whole = bool(parts[0]) and (_town(one.value) or _street(one.value) not in placed)
        filled = sum(1 for part in parts if part) if len(parts) > 1 else 0
        return (
            one.tier,
            not one.verified,
            not whole,
            -len(sources[one.value.lower()]) if strategy == "most_frequent" else 0,
            -(filled * 100000 + len(one.value)) if strategy == "most_complete" else 0,
            world.places[one.source] if strategy == "source_priority" else 0,
            -one.mentions,
            one.known is None,
            -(one.known or EARLIEST).toordinal() * 86400 - _seconds(one.known),
            -one.load_seq if one.known is None else 0,
            world.places[one.source],
            one.node,
            one.value,
        )

    return sorted(words, key=order)


def _seconds(moment: datetime | None) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second if moment else 0


def _street(value: str) -> str:
    return value.split(SEPARATOR)[0].lower()


def _town(value: str) -> bool:
    """A street with its town, region or postal code."""
    return bool(_street(value)) and any(value.split(SEPARATOR)[1:4])


def _given(value: str) -> str:
    first, _, full = value.split(SEPARATOR)
    return (first or full.split(" ")[0]).lower()


def _name_key(value: str) -> tuple[str, str]:
    _, last, full = value.split(SEPARATOR)
    return ((last or (full.split(" ")[-1])).lower(), _given(value)[:1])


def _spells(value: str) -> bool:
    return bool(value.split(SEPARATOR)[2]) and not INITIAL.match(_given(value))


def assigned(world: World, words: Iterable[Voice]) -> set[tuple[str, str, str]]:
    """(customer, field, value) that is another profile's: held by several, and not given to this one in two passes."""
    mine: dict[tuple[str, str], list[Voice]] = defaultdict(list)
    for one in words:
        if one.field in ("email", "phone") and one.customer in world.components:
            mine[one.customer, one.field].append(one)
    wishes = {
        person: list(dict.fromkeys(one.value for one in ranked(world, said))) for person, said in mine.items()
    }
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (customer, unit), values in wishes.items():
        for value in values:
            holders[unit, value].append(customer)

    def claim(customer: str, unit: str, value: str) -> tuple[object, ...]:
        said = [one for one in mine[customer, unit] if one.value == value]
        known = max((one.known for one in said if one.known), default=None)
        return (
            min(one.tier for one in said),
            not any(one.verified for one in said),
            -len({one.source for one in said}),
            -len(said),
            known is None,
            -(known or EARLIEST).toordinal() * 86400 - _seconds(known),
            min(one.node for one in said),
        )

    given: dict[tuple[str, str], str] = {}
    for _ in (1, 2):
        taken = {(unit, value) for (_, unit), value in given.items()}
        open_wishes = {
            person: [value for value in values if (person[1], value) not in taken]
            for person, values in wishes.items()
            if person not in given
        }
        for (customer, unit), values in list(open_wishes.items()):
            if not values:
                continue
            rivals = [one for one in holders[unit, values[0]] if (one, unit) in open_wishes]
            best = min(rivals, key=lambda one: claim(one, unit, values[0]))
            if best == customer:
                given[customer, unit] = values[0]
    return {
        (customer, unit, value)
        for (unit, value), people in holders.items()
        if len(people) > 1
        for customer in people
        if given.get((customer, unit)) != value
    }


def decide(world: World) -> tuple[dict[tuple[str, str], Voice], list[tuple[object, ...]]]:
    """(customer, field) -> the winner of today; and rows (customer, field, value, from, to) of the history."""
    told = [one for one in voices(world) if one.usable]
    today = [one for one in told if one.is_current and one.ends is None]
    covered = {(one.customer, one.field) for one in today}
    mentions = [
        Voice(
            world.owners[one.node_id],
            one.field,
            one.value,
            one.source,
            one.node_id,
            one.first_seen_at,
            None,
            True,
            "mentioned",
            0,
            False,
            1,
            one.records,
            one.last_seen_at,
        )
        for one in world.mentions
        if (world.owners[one.node_id], one.field) not in covered
        and (one.field, one.value) not in world.bounced
        and (one.field, one.value) not in world.refused
    ]
    others = assigned(world, [*today, *mentions])
    words = [
        one for one in [*told, *mentions] if (one.customer, one.field, one.value) not in others and one.usable
    ]
    units: dict[tuple[str, str], list[Voice]] = defaultdict(list)
    for one in words:
        if (one.starts or EARLIEST) < (one.ends or LATEST):
            units[one.customer, one.field].append(one)
    winners, history = {}, []
    for (customer, unit), said in units.items():
        history += [(customer, unit, *row) for row in _history(world, said)]
        alive = [one for one in said if one.ends is None]
        if alive:
            winners[customer, unit] = ranked(world, alive)[0]
    return winners, history


def _history(world: World, said: list[Voice]) -> list[tuple[object, ...]]:
    moments = sorted({one.starts or EARLIEST for one in said} | {one.ends for one in said if one.ends})
    rows: list[list[object]] = []
    shown: str | None = None
    for moment in moments:
        alive = [one for one in said if one.alive(moment)]
        value = ranked(world, alive)[0].value if alive else None
        if value != shown:
            if shown is not None:
                rows[-1][2] = moment
            if value is not None:
                rows.append([value, None if moment == EARLIEST else moment, None])
        shown = value
    return [tuple(row) for row in rows]
