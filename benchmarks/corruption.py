"""People with known truth, and records of them with the errors that records have: `people_records(...)`.

Seeded and simulated: it proves that a method survives these errors, not how often they occur. Households come with
twins, and with parents and children of one name; people have one to ten records over several sources. Errors by severity:
nicknames, swapped names, typing errors, initials, other scripts, married names, transposed, mistyped or partial birth
dates, moved addresses, other and mistyped e-mail addresses and telephones, gaps.
"""

import csv
import datetime as dt
import random
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

NAMES = Path(__file__).parent / "data" / "names_by_country.csv"
ALIASES = Path(__file__).parent.parent / "cli" / "fuzzy" / "data" / "aliases.csv"
SEVERITIES = {"light": 0.05, "medium": 0.12, "heavy": 0.22}  # chance of an error per field and record
COUNTRIES = {
    "US": 22,
    "GB": 20,
    "DE": 10,
    "FR": 8,
    "ES": 10,
    "IT": 6,
    "BR": 6,
    "RU": 8,
    "JP": 4,
    "CN": 4,
    "KR": 4,
}
RECORDS = (46, 24, 11, 6, 4, 3, 2, 2, 1, 1)  # weight of 1, 2, ... 10 records per person
COLUMNS = (
    "record_id", "source", "first_name", "last_name", "birth_date", "gender", "email", "phone", "street", "city",
    "postal_code", "country",
)  # fmt: skip
_SYLLABLES = (
    "ash",
    "bel",
    "cor",
    "dun",
    "el",
    "fair",
    "gar",
    "hol",
    "kes",
    "lin",
    "mar",
    "nor",
    "pen",
    "ros",
    "sel",
    "tor",
    "wes",
    "yar",
)
_KINDS = ("Street", "Road", "Avenue", "Lane", "Drive", "Court")
_MAILS = ("mail.example", "post.example", "inbox.example", "work.example", "uni.example", "home.example")


@dataclass(frozen=True)
class Name:
    """A name as written at home and in Latin letters."""

    native: str
    roman: str


@dataclass(frozen=True)
class Person:
    """Who a record is about."""

    given: Name
    family: Name
    gender: str
    born: dt.date
    email: str
    phone: str
    street: str
    city: str
    postal_code: str
    country: str


class Names:
    """Names by country, the first of a list more frequent than the last."""

    def __init__(self) -> None:
        self.lists: dict[tuple[str, str], list[Name]] = defaultdict(list)
        with NAMES.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                key = row["gender"] if row["part"] == "given" else "family"
                self.lists[row["country"], key].append(Name(row["native"], row["roman"] or row["native"]))

    def draw(self, rng: random.Random, country: str, kind: str) -> Name:
        """One name, by a law of 1 / rank."""
        names = self.lists[country, kind]
        return rng.choices(names, [1 / (i + 3) for i in range(len(names))])[0]


def people_records(
    severity: str, people: int = 1500, seed: int = 1
) -> tuple[list[dict[str, str | None]], dict[str, str]]:
    """Records in shuffled order, and record_id -> person."""
    rng = random.Random(f"{severity} {seed}")
    rows, truth = [], {}
    nicknames = _nicknames()
    for number, person in enumerate(_population(rng, people)):
        for _ in range(rng.choices(range(1, 11), RECORDS)[0]):
            row = _record(rng, person, SEVERITIES[severity], nicknames)
            rows.append((row, f"p{number}"))
    rng.shuffle(rows)
    records = []
    for i, (row, owner) in enumerate(rows):
        row["record_id"] = f"r{i:06d}"
        truth[f"r{i:06d}"] = owner
        records.append({column: row[column] for column in COLUMNS})
    return records, truth


def _nicknames() -> dict[str, list[str]]:
    known: dict[str, list[str]] = defaultdict(list)
    with ALIASES.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["part"] == "given" and row["name"].isascii():
                known[row["alias"]].append(row["name"])
    return known


def _population(rng: random.Random, people: int) -> Iterator[Person]:
    """Singles and households, until there are enough people."""
    names, made = Names(), 0
    while made < people:
        head = _adult(rng, names)
        household = [head, *_relatives(rng, names, head)] if rng.random() < 0.45 else [head]
        yield from household[: people - made]
        made += len(household)


def _adult(rng: random.Random, names: Names) -> Person:
    country = rng.choices(list(COUNTRIES), list(COUNTRIES.values()))[0]
    gender = rng.choice("mf")
    given, family = names.draw(rng, country, gender), names.draw(rng, country, "family")
    town = rng.randrange(60)
    born = dt.date(1940, 1, 1) + dt.timedelta(rng.randrange(24000))
    email = _email(rng, given, family)
    phone, street = f"+44{rng.randrange(7_000_000_000, 7_999_999_999)}", _street(rng)
    postal_code = f"{10000 + town * 37 + rng.randrange(30)}"
    return Person(given, family, gender, born, email, phone, street, _town(town), postal_code, country)


def _relatives(rng: random.Random, names: Names, head: Person) -> list[Person]:
    """A spouse, a child of one name, twins: who is easily taken for another."""
    found = []
    if rng.random() < 0.6:
        other = "f" if head.gender == "m" else "m"
        found.append(
            _relative(
                rng,
                names,
                head,
                names.draw(rng, head.country, other),
                other,
                head.born + dt.timedelta(rng.randrange(-2500, 2500)),
            )
        )
    born = head.born + dt.timedelta(rng.randrange(8500, 13000))
    if rng.random() < 0.25:
        found.append(_relative(rng, names, head, head.given, head.gender, born))
    if rng.random() < 0.25:
        for gender in (rng.choice("mf"), rng.choice("mf")):
            found.append(_relative(rng, names, head, names.draw(rng, head.country, gender), gender, born))
    return [person for person in found if person.given != head.given or person.born != head.born]


def _relative(
    rng: random.Random, names: Names, head: Person, given: Name, gender: str, born: dt.date
) -> Person:
    own = rng.random() < 0.6
    phone = f"+44{rng.randrange(7_000_000_000, 7_999_999_999)}" if own else head.phone
    email = _email(rng, given, head.family) if rng.random() < 0.9 else head.email
    return replace(head, given=given, gender=gender, born=born, phone=phone, email=email)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(c for c in folded if c.isascii() and c.isalnum())


def _email(rng: random.Random, given: Name, family: Name) -> str:
    first, last = _plain(given.roman), _plain(family.roman)
    user = rng.choice((f"{first}.{last}", f"{first[:1]}{last}", f"{first}{last}", f"{last}{first[:2]}"))
    return f"{user}{rng.randrange(100) if rng.random() < 0.7 else ''}@{rng.choice(_MAILS)}"


def _street(rng: random.Random) -> str:
    name = "".join(rng.choices(_SYLLABLES, k=rng.choice((2, 2, 3)))).capitalize()
    return f"{rng.randrange(1, 160)} {name} {rng.choice(_KINDS)}"


def _town(number: int) -> str:
    return (
        _SYLLABLES[number % 18]
        + _SYLLABLES[(number * 7 + number // 18) % 18]
        + ("ton", "ham", "ford")[number % 3]
    ).capitalize()


def _record(
    rng: random.Random, person: Person, error: float, nicknames: dict[str, list[str]]
) -> dict[str, str | None]:
    """One record: what a source wrote down about the person."""
    given, family = _names(rng, person, error, nicknames)
    if rng.random() < error:  # moved
        town = rng.randrange(60)
        person = replace(
            person,
            street=_street(rng),
            city=_town(town),
            postal_code=f"{10000 + town * 37 + rng.randrange(30)}",
        )
    row: dict[str, str | None] = {
        "source": rng.choice(("crm", "shop", "survey")),
        "first_name": given,
        "last_name": family,
        "birth_date": _date(rng, person.born, error),
        "gender": person.gender if rng.random() < 0.7 else None,
        "email": _mistyped(rng, _other_email(rng, person, error), error / 2),
        "phone": _mistyped(rng, person.phone, error / 2, "0123456789"),
        "street": _mistyped(rng, _abbreviated(rng, person.street), error),
        "city": _mistyped(rng, person.city, error / 2),
        "postal_code": _mistyped(rng, person.postal_code, error / 2, "0123456789"),
        "country": person.country,
    }
    for column, chance in (
        ("birth_date", 1.2),
        ("email", 1.6),
        ("phone", 1.6),
        ("street", 1.2),
        ("first_name", 0.2),
    ):
        if rng.random() < error * chance:
            row[column] = None
    if row["street"] is None and rng.random() < 0.5:
        row["city"] = row["postal_code"] = None
    return row


def _names(
    rng: random.Random, person: Person, error: float, nicknames: dict[str, list[str]]
) -> tuple[str, str]:
    native = rng.random() < 1 - error * 2
    given, family = (
        (person.given.native, person.family.native) if native else (person.given.roman, person.family.roman)
    )
    short = nicknames.get(given.lower())
    if short and rng.random() < error:
        given = rng.choice(short).capitalize()
    elif rng.random() < error / 4 and given.isascii():
        given = given[0]
    if person.gender == "f" and rng.random() < error / 3:
        family = Names().draw(rng, person.country, "family").native
    given, family = _mistyped(rng, given, error) or given, _mistyped(rng, family, error) or family
    return (family, given) if rng.random() < error / 3 else (given, family)


def _date(rng: random.Random, born: dt.date, error: float) -> str | None:
    year, month, day = f"{born:%Y}", f"{born:%m}", f"{born:%d}"
    if rng.random() >= error:
        return f"{year}-{month}-{day}"
    kind = rng.choice(("swap", "digit", "digit", "transposed", "year", "month", "first"))
    if kind == "swap" and int(day) <= 12:
        return f"{year}-{day}-{month}"
    if kind == "year":
        return year
    if kind == "month":
        return f"{year}-{month}"
    if kind == "first":
        return f"{year}-01-01"
    if kind == "transposed":
        return f"{year[:2]}{year[3]}{year[2]}-{month}-{day}"
    return f"{year}-{month}-{(int(day) + rng.choice((1, 2, 9, 10, 19))) % 28 + 1:02d}"


def _other_email(rng: random.Random, person: Person, error: float) -> str:
    if rng.random() < error:
        if rng.random() < 0.5:
            return person.email.split("@")[0] + "@" + rng.choice(_MAILS)
        return _email(rng, person.given, person.family)
    return person.email


def _abbreviated(rng: random.Random, street: str) -> str:
    if rng.random() < 0.3:
        for kind, short in (
            ("Street", "St"),
            ("Road", "Rd"),
            ("Avenue", "Ave"),
            ("Drive", "Dr"),
            ("Court", "Ct"),
        ):
            street = street.replace(kind, short)
    return street


def _mistyped(
    rng: random.Random, text: str, error: float, letters: str = "abcdefghijklmnoprstuvwz"
) -> str | None:
    """One letter dropped, doubled, replaced or swapped with the next."""
    if rng.random() >= error or len(text) < 3:
        return text
    at = rng.randrange(1, len(text) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    if kind == 2 or not text.isascii():
        return text[:at] + rng.choice(letters) + text[at + 1 :] if text.isascii() else text
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
