"""The CRM's contacts with all their mistakes.

People  ->  records (1 to 3 per person)  ->  clerks' mistakes  ->  traps  ->  Contacts
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc

from demo.columns import (
    Bools,
    Ints,
    Text,
    join,
    number,
    pick,
    take,
    when,
)
from demo.output import Output
from demo.people import People
from demo.shops import PHONE_FORMS, written_email, written_phone
from demo.world import AS_OF, DAY, World, daytime

COMPANIES = ("Hoa Sen Trading", "Song Hong Foods", "Mekong Office", "Lotus Travel", "Binh Minh School")
MAILBOX = "info@hoa-sen-trading.example"
JOBS = ("Buyer", "Office manager", "Accountant", "Teacher", "Owner", "Engineer")
DEFAULT_PHONES = ("0900000000", "0000000000")


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
