"""The CRM's export with HubSpot's column names.

Contacts  ->  versions of some  ->  data/crm/contacts*.csv, and whose records they are

Contacts come in dated files with later versions, one file delivered twice under another name, and
one that brings older versions late: what is current must follow `Last Modified Date`, not arrival.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from demo.columns import Ints, Text, constant, csv_lines, day, local, pick, take, when
from demo.crm import JOBS, Contacts, make_contacts, set_traps
from demo.deals import write_deals
from demo.naming import LANGUAGES
from demo.output import Output, Spoil
from demo.people import CITIES, People
from demo.world import AS_OF, DAY, DELIVERIES, START, World, daytime, delivery_of


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
