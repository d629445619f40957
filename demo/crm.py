"""The CRM export with HubSpot's column names: contacts with all their mistakes, deals, deal stages.

People  ->  records (1 to 3 per person)  ->  clerks' mistakes and traps  ->  data/crm/*.csv

Contacts come in dated files with later versions, one file delivered twice under another name, and
one that brings older versions late: what is current must follow `Last Modified Date`, not arrival.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.columns import (
    Bools,
    Ints,
    Text,
    constant,
    csv_lines,
    day,
    join,
    local,
    money,
    number,
    pick,
    present,
    take,
    when,
)
from demo.output import Output, Spoil
from demo.people import CITIES, LANGUAGES, People
from demo.shops import CURRENCY, PHONE_FORMS, written_email, written_phone
from demo.world import AS_OF, DAY, DELIVERIES, START, World, daytime, delivery_of

COMPANIES = ("Hoa Sen Trading", "Song Hong Foods", "Mekong Office", "Lotus Travel", "Binh Minh School")
MAILBOX = "info@hoa-sen-trading.example"
JOBS = ("Buyer", "Office manager", "Accountant", "Teacher", "Owner", "Engineer")
DEFAULT_PHONES = ("0900000000", "0000000000")
STAGES = ("appointment", "qualified", "proposal", "contract", "won", "lost")


@dataclass(frozen=True)
class Contacts:
    """One row per CRM contact record; `sort` numbers a person's records from 0."""

    person: Ints
    sort: Ints
    key: Text
    given: Text
    family: Text
    email: Text
    phone: Text
    mobile: Text
    city: Ints
    job: Ints
    company: Text
    created: Ints
    modified: Ints


def make_contacts(world: World, people: People) -> Contacts:
    """Enter people into the CRM, some of them twice or three times."""
    rng = world.rng("crm")
    first = np.flatnonzero(people.in_crm)
    lone = np.concatenate([people.families, people.families + 1])
    again = first[(rng.random(first.size) < 0.14) & ~np.isin(first, lone)]
    third = again[rng.random(again.size) < 0.15]
    person = np.concatenate([first, again, third])
    sort = np.repeat([0, 1, 2], [first.size, again.size, third.size])
    created = np.where(sort > 0, daytime(rng, people.joined[person], AS_OF - DAY), people.joined[person])
    email, phone = draw_contact_points(rng, people, person, sort)
    given, family = draw_spelling(rng, people, person, sort)
    works = rng.random(person.size) < 0.35
    return Contacts(
        person=person,
        sort=sort,
        key=number(10_000_000 + world.start * 3 + rng.permutation(person.size)),
        given=given,
        family=family,
        email=email,
        phone=phone,
        mobile=when(sort == 0, written_phone(take(people.second_phone, person), sort)),
        city=people.city[person],
        job=rng.integers(0, len(JOBS), person.size),
        company=when(works, pick(COMPANIES, rng.integers(0, len(COMPANIES), person.size))),
        created=created,
        modified=created + rng.integers(60, DAY // 24, person.size),
    )


def draw_contact_points(
    rng: np.random.Generator, people: People, person: Ints, sort: Ints
) -> tuple[Text, Text]:
    """Choose what a clerk typed: repeated records share a mail address, a telephone, or nothing."""
    size = person.size
    shared = rng.random(size)
    email, second = take(people.email, person), take(people.second_email, person)
    # 40 % both (in another spelling), 30 % only the telephone, 15 % only the address, 15 % neither
    other = (sort > 0) & (((shared >= 0.4) & (shared < 0.7)) | (shared >= 0.85))
    silent = (sort > 0) & (shared >= 0.7)
    phone = written_phone(take(people.phone, person), rng.integers(0, PHONE_FORMS, size))
    return written_email(when(other, second, email), rng), when(~silent, phone)


def draw_spelling(rng: np.random.Generator, people: People, person: Ints, sort: Ints) -> tuple[Text, Text]:
    """Spell names in the own script or romanised; repeated records drop letters or swap the parts."""
    size = person.size
    own = rng.random(size) < 0.6
    given = when(own, take(people.given, person), take(people.given_roman, person))
    family = when(own, take(people.family, person), take(people.family_roman, person))
    mistake = rng.random(size) * (sort > 0)
    missing = join(pc.utf8_slice_codeunits(given, 0, 2), pc.utf8_slice_codeunits(given, 3))
    typed = when((mistake > 0.6) & (mistake < 0.85), missing, given)
    return when(mistake > 0.85, family, typed), when(mistake > 0.85, given, family)


def set_traps(world: World, people: People, contacts: Contacts, out: Output) -> Contacts:
    """Give many people the same mailbox, the same default telephone, or a placeholder."""
    rng = world.rng("traps")
    lone = np.concatenate([people.families, people.families + 1])
    free = np.flatnonzero((contacts.sort == 0) & ~np.isin(contacts.person, lone))
    free = rng.permutation(free)
    count = free.size
    sizes = [30, max(14, count // 100), max(12, count // 250), max(6, count // 200), max(3, count // 250)]
    mailbox, default, zeros, placeholder, blank = np.split(free[: sum(sizes)], np.cumsum(sizes[:-1]))
    email, phone = contacts.email, contacts.phone
    if world.has("email"):
        for rows, value in ((mailbox, MAILBOX), (placeholder, "test@test.com"), (blank, "n/a")):
            email = when(mask_of(rows, email), value, email)
    if world.has("phone"):
        for rows, value in ((default, DEFAULT_PHONES[0]), (zeros, DEFAULT_PHONES[1])):
            phone = when(mask_of(rows, phone), value, phone)
    names = ("role_mailbox", "default_phone", "zero_phone", "placeholder_email", "not_available_email")
    for name, size in zip(names, sizes, strict=True):
        out.trap(f"{name}_contacts", size)
    for name in ("twins", "households", "families"):
        out.trap(f"{name}_pairs", int(getattr(people, name).size))
    company = when(mask_of(mailbox, email), COMPANIES[0], contacts.company)
    return replace(contacts, email=email, phone=phone, company=company)


def mask_of(rows: Ints, like: Text) -> Bools:
    """Return a mask that is true at `rows`."""
    mask = np.zeros(len(like), dtype=np.bool_)
    mask[rows] = True
    return mask


def contact_columns(people: People, contacts: Contacts, index: Ints) -> dict[str, Text]:
    """Return the export columns of some contacts."""
    person = contacts.person[index]
    return {
        "Record ID": take(contacts.key, index),
        "First Name": take(contacts.given, index),
        "Last Name": take(contacts.family, index),
        "Email": take(contacts.email, index),
        "Phone Number": take(contacts.phone, index),
        "Mobile Phone Number": take(contacts.mobile, index),
        "Date of Birth": when(person % 5 != 0, day(people.birth[person])),
        "Gender": take(people.gender, person),
        "Street Address": take(people.street, person),
        "City": pick(CITIES, contacts.city[index]),
        "Country/Region": constant("Vietnam", index.size),
        "Company Name": take(contacts.company, index),
        "Job Title": pick(JOBS, contacts.job[index]),
        "Preferred language": pick(LANGUAGES, people.language[person]),
        "Create Date": local(contacts.created[index]),
        "Last Modified Date": local(contacts.modified[index]),
    }


def write_crm(world: World, people: People, out: Output) -> Contacts:
    """Write contacts with all their versions, then the deals."""
    contacts = set_traps(world, people, make_contacts(world, people), out)
    rng = world.rng("versions")
    size = contacts.person.size
    first = delivery_of(contacts.modified)
    moved = np.flatnonzero((first < 2) & (rng.random(size) < 0.12))
    changed = daytime(rng, contacts.modified[moved] + 40 * DAY, AS_OF - DAY)
    changed = np.maximum(changed, START + 370 * DAY)
    newer = versions(rng, contacts, moved, changed)
    everything = merge(contacts, newer)
    delivery = np.concatenate([first, np.maximum(delivery_of(changed), first[moved] + 1)])
    spoils = [
        Spoil("unparseable_date", column="Date of Birth", value="31 Feb 19xx"),
        Spoil("missing_key", column="Record ID"),
    ]
    columns = contact_columns(people, everything, np.arange(everything.person.size))
    out.csv(world, "data/crm/contacts", columns, delivery, spoils)
    write_again(world, columns, delivery, out)
    write_late(world, people, versions(rng, contacts, moved[::4], changed[::4] - 20 * DAY), out)
    out.truth("crm.contacts", contacts.key, contacts.person, first, world.start)
    out.trap("contacts_more_than_once", int((contacts.sort > 0).sum()))
    write_deals(world, contacts, out)
    return contacts


def versions(rng: np.random.Generator, contacts: Contacts, rows: Ints, moment: Ints) -> Contacts:
    """Return new versions of some contacts: another town and another job."""
    part = select(contacts, rows)
    return replace(
        part,
        city=rng.integers(0, len(CITIES), rows.size),
        job=rng.integers(0, len(JOBS), rows.size),
        modified=np.maximum(moment, part.modified + 60),
    )


def select(contacts: Contacts, rows: Ints) -> Contacts:
    """Return some rows of the contacts."""
    picked = {
        name: values[rows] if isinstance(values, np.ndarray) else take(values, rows)
        for name, values in vars(contacts).items()
    }
    return Contacts(**picked)


def merge(left: Contacts, right: Contacts) -> Contacts:
    """Return the rows of both."""
    merged = {
        name: np.concatenate([values, getattr(right, name)])
        if isinstance(values, np.ndarray)
        else pa.concat_arrays([values, getattr(right, name)])
        for name, values in vars(left).items()
    }
    return Contacts(**merged)


def write_again(world: World, columns: dict[str, Text], delivery: Ints, out: Output) -> None:
    """Deliver the second file once more, byte for byte, under another name."""
    index = np.flatnonzero(delivery == 1)
    header, lines = csv_lines({name: take(column, index) for name, column in columns.items()})
    name = f"data/crm/contacts_{DELIVERIES[1].isoformat()}_again{_block(world)}.csv"
    if out.write(name, DELIVERIES[1], lines, header):
        out.trap("redelivered_contacts", index.size)


def write_late(world: World, people: People, older: Contacts, out: Output) -> None:
    """Deliver versions that were current between two others, after the newer one came."""
    header, lines = csv_lines(contact_columns(people, older, np.arange(older.person.size)))
    name = f"data/crm/contacts_{DELIVERIES[2].isoformat()}_late{_block(world)}.csv"
    if out.write(name, DELIVERIES[2], lines, header):
        out.trap("late_older_versions", older.person.size)


def _block(world: World) -> str:
    return f"_b{world.block:03d}" if world.block else ""


def write_deals(world: World, contacts: Contacts, out: Output) -> None:
    """Write deals of companies' contacts, as they stood at each delivery, and every stage entered."""
    rng = world.rng("deals")
    business = present(contacts.company)
    row = np.flatnonzero(business & (rng.random(contacts.person.size) < 0.5))
    size = row.size
    created = daytime(rng, np.maximum(contacts.created[row], START), AS_OF - 10 * DAY)
    steps = np.cumsum(rng.exponential(12, (size, 4)) * DAY, axis=1).astype(np.int64) + created[:, None]
    entered = np.column_stack([created, steps])
    reached = rng.choice((1, 2, 3, 4, 5), size, p=(0.15, 0.15, 0.15, 0.1, 0.45))
    won = rng.random(size) < 0.6
    happened = (np.arange(5) < reached[:, None]) & (entered <= AS_OF)
    key = join("D", number(np.full(size, world.block), 3), number(np.arange(size), 6))
    stage = np.where((np.arange(5) == 4) & ~won[:, None], 5, np.arange(5))
    amount = rng.integers(30, 900, size) * 10_000_000
    deal, step = np.nonzero(happened)
    moment, entry = entered[deal, step], delivery_of(entered[deal, step])
    # the last stage before each delivery is what that delivery shows
    last = np.append((deal[1:] != deal[:-1]) | (entry[1:] != entry[:-1]), True)[: deal.size]
    history = {
        "Deal ID": take(key, deal),
        "Stage": pick(STAGES, stage[deal, step]),
        "From Stage": when(step > 0, pick(STAGES, np.maximum(step - 1, 0))),
        "Entered At": local(moment),
    }
    shown, at = deal[last], step[last]
    closed = at == 4
    deals = {
        "Record ID": take(key, shown),
        "Deal Name": join(take(contacts.company, row[shown]), " gifts"),
        "Pipeline": constant("corporate", shown.size),
        "Deal Stage": pick(STAGES, stage[shown, at]),
        "Amount": money(amount[shown]),
        "Currency": constant(CURRENCY, shown.size),
        "Deal owner": pick(("Linh", "Somchai", "Maria"), shown % 3),
        "Create Date": local(created[shown]),
        "Close Date": local(np.where(closed, moment[last], -1)),
        "Is Closed Won": when(closed & won[shown], "true", "false"),
        "Associated Email": take(contacts.email, row[shown]),
        "Last Modified Date": local(moment[last]),
    }
    out.csv(world, "data/crm/deals", deals, entry[last])
    out.csv(world, "data/crm/deal_stages", history, entry)
