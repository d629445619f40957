"""The people: names in their own script and romanised, where they live, how one can reach them.

names.csv  ->  People (one row per person, columns of text and numbers)

Every address and telephone number contains the person's number in some form, so two people share
one only where that is planted: in a mistake of a clerk (traps) or in a family (very rarely).
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from demo.columns import (
    Bools,
    Floats,
    Ints,
    Text,
    hexes,
    join,
    number,
    pick,
    take,
    when,
)
from demo.world import AS_OF, DAY, START, World, daytime, epoch

LANGUAGES = ("vi", "th", "zh", "fa", "en", "pt")
SHARES = (0.55, 0.12, 0.10, 0.06, 0.10, 0.07)
CITIES = ("Hà Nội", "TP. Hồ Chí Minh", "Đà Nẵng", "Hải Phòng", "Cần Thơ", "Huế", "Nha Trang", "Đà Lạt")
STREETS = ("Lê Lợi", "Trần Phú", "Nguyễn Huệ", "Hai Bà Trưng", "Lý Thường Kiệt", "Pasteur", "Bạch Đằng")
# .example is reserved: none of these mailboxes can belong to anybody
DOMAINS = ("mail.example", "thu.example", "inbox.example", "post.example", "hop-thu.example")
PREFIXES = (
    "91", "94", "88", "83", "84", "85", "81", "82", "96", "97", "98", "86", "32",
    "33", "34", "35", "36", "37", "38", "39", "93", "89", "70", "79", "77",
)  # fmt: skip
NUMBERS_PER_PREFIX = 10_000_000
# coprime to the count of all numbers, so different people get different numbers
STRIDE = 179_424_673
OFFSET = 23_456_781


@dataclass(frozen=True)
class People:
    """One row per person.

    `has_*` say what a person has even where this run leaves an identifier out (`--without-identifier`):
    every run of a seed has the same rows. `twins`, `households`, `families` are first halves of pairs;
    the second half is the next row.
    """

    language: Ints
    given: Text
    family: Text
    given_roman: Text
    family_roman: Text
    gender: Text
    birth: Ints
    city: Ints
    street: Text
    email: Text
    second_email: Text
    phone: Text
    second_phone: Text
    has_email: Bools
    has_phone: Bools
    has_card: Bools
    uses: Bools
    has_account: Bools
    loyalty: tuple[Text, Text]
    in_crm: Bools
    joined: Ints
    rate: Floats
    taste: Floats
    desktop: Text
    mobile: Text
    twins: Ints
    households: Ints
    families: Ints

    @property
    def size(self) -> int:
        """Return the number of people."""
        return int(self.birth.size)

    def shop_email(self, brand: int) -> Text:
        """Return the address a person gives a brand: fans of both often keep two apart."""
        if brand == 0:
            return self.email
        return when(self.uses[:, 0] & self.uses[:, 1], pc.coalesce(self.second_email, self.email), self.email)


def make_people(world: World) -> People:
    """Draw the people of a block."""
    rng = world.rng("people")
    size = world.size
    index = np.arange(world.start, world.start + size)
    twins, households, families = draw_pairs(world)
    language = rng.choice(len(LANGUAGES), size, p=SHARES)
    female = rng.random(size) < 0.52
    birth = rng.integers(-7300, 13500, size)
    city = rng.choice(len(CITIES), size, p=(0.25, 0.35, 0.1, 0.08, 0.08, 0.05, 0.05, 0.04))
    street_no = rng.integers(1, 400, size)
    kin = np.concatenate([twins, households, families])
    language[kin + 1], city[kin + 1], street_no[kin + 1] = language[kin], city[kin], street_no[kin]
    birth[twins + 1] = birth[twins]
    names = draw_names(rng, language, female, kin)
    emails, has_email = make_emails(world, rng, names, index)
    phones, has_phone = make_phones(world, rng, index, families)
    uses, has_account, in_crm, rate = draw_relations(rng, size, families)
    cards, has_card = make_cards(world, rng, index)
    mobile, desktop = hexes(rng, size), hexes(rng, size)
    owner = np.arange(size)
    owner[households + 1] = households
    return People(
        language=language,
        given=names["native"][0],
        family=names["native"][1],
        given_roman=names["roman"][0],
        family_roman=names["roman"][1],
        gender=when(female, "f", "m"),
        birth=birth,
        city=city,
        street=join(number(street_no), " ", pick(STREETS, street_no % len(STREETS))),
        email=emails[0],
        second_email=emails[1],
        phone=phones[0],
        second_phone=phones[1],
        has_email=has_email,
        has_phone=has_phone,
        has_card=has_card,
        uses=uses,
        has_account=has_account,
        loyalty=cards,
        in_crm=in_crm,
        joined=draw_joined(rng, size),
        rate=rate,
        taste=rng.normal(0, world.effects.taste_sd, size),
        desktop=take(desktop, owner),
        mobile=take(mobile, owner),
        twins=twins,
        households=households,
        families=families,
    )


def draw_pairs(world: World) -> tuple[Ints, Ints, Ints]:
    """Choose disjoint pairs: twins, households with one device, families with one telephone."""
    size = world.size
    counts = np.cumsum([max(2, size // 500), max(3, size // 200), size // 2500])
    first = world.rng("pairs").permutation(size // 2)[: counts[-1]] * 2
    twins, households, families = np.split(first, counts[:-1])
    return twins, households, families


def read_names() -> dict[tuple[str, str, str], list[dict[str, str]]]:
    """Return the rows of names.csv by (language, part, gender)."""
    pools: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    with (Path(__file__).parent / "names.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            pools.setdefault((row["language"], row["part"], row["gender"]), []).append(row)
    return pools


def draw_names(
    rng: np.random.Generator, language: Ints, female: Bools, kin: Ints
) -> dict[str, tuple[Text, Text]]:
    """Draw given and family name in three spellings; kin share the family name."""
    pools = read_names()
    rows = [row for pool in pools.values() for row in pool]
    begin = dict(zip(pools, np.cumsum([0, *(len(pool) for pool in pools.values())]), strict=False))
    given = np.zeros(language.size, dtype=np.int64)
    family = np.zeros(language.size, dtype=np.int64)
    for code, tongue in enumerate(LANGUAGES):
        for gender, chosen in (("f", female), ("m", ~female)):
            where = np.flatnonzero((language == code) & chosen)
            pool = (tongue, "given", gender)
            given[where] = begin[pool] + rng.integers(0, len(pools[pool]), where.size)
        where = np.flatnonzero(language == code)
        surnames = (tongue, "family", "")
        # squares make the first names of the list the common ones
        drawn = rng.random(where.size) ** 2 * len(pools[surnames])
        family[where] = begin[surnames] + drawn.astype(np.int64)
    family[kin + 1] = family[kin]
    return {
        spelling: (_spelled(rows, spelling, given), _spelled(rows, spelling, family))
        for spelling in ("native", "roman", "ascii")
    }


def _spelled(rows: Iterable[dict[str, str]], spelling: str, index: Ints) -> Text:
    return pick([row[spelling] for row in rows], index)


def make_emails(
    world: World, rng: np.random.Generator, names: dict[str, tuple[Text, Text]], index: Ints
) -> tuple[tuple[Text, Text], Bools]:
    """Return everybody's first address and, for a third, a second one."""
    given, family = (pc.utf8_lower(name) for name in names["ascii"])
    size = index.size
    domain, other = (pick(DOMAINS, rng.integers(0, len(DOMAINS), size)) for _ in range(2))
    first = join(given, ".", family, number(index), "@", domain)
    second = join(family, given, "_", number(index), "@", other)
    has_first, has_second = rng.random(size) < 0.97, rng.random(size) < 0.40
    keep = world.has("email")
    return (when(has_first & keep, first), when(has_second & keep, second)), has_first


def make_phones(
    world: World, rng: np.random.Generator, index: Ints, families: Ints
) -> tuple[tuple[Text, Text], Bools]:
    """Return national numbers without the leading zero: the main one and, for a few, a second."""
    count = len(PREFIXES) * NUMBERS_PER_PREFIX
    has_phone = rng.random(index.size) < 0.93
    has_second = rng.random(index.size) < 0.05
    has_phone[families] = has_phone[families + 1] = True
    owner = index.copy()
    owner[families + 1] = index[families]
    first, second = (_national((drawn * STRIDE + OFFSET) % count) for drawn in (owner, index + count // 2))
    keep = world.has("phone")
    return (when(has_phone & keep, first), when(has_second & keep, second)), has_phone


def _national(code: Ints) -> Text:
    return join(pick(PREFIXES, code // NUMBERS_PER_PREFIX), number(code % NUMBERS_PER_PREFIX, 7))


def draw_relations(rng: np.random.Generator, size: int, families: Ints) -> tuple[Bools, Bools, Bools, Floats]:
    """Draw which brands people use, where they have accounts, and how often they buy."""
    brand = rng.random(size)
    uses = np.column_stack([(brand < 0.5) | (brand > 0.75), brand >= 0.5])
    has_account = uses & (rng.random((size, 2)) < 0.82)
    rate = np.where(rng.random(size) < 0.85, rng.gamma(0.9, 0.33, size), 0.0)
    in_crm = rng.random(size) < 0.75
    # parent and child are one CRM record each, so that their shared number costs one wrong pair
    kin = np.concatenate([families, families + 1])
    has_account[kin], rate[kin], in_crm[kin] = False, 0.0, True
    return uses, has_account, in_crm | ~has_account.any(axis=1) & (rate == 0), rate


def make_cards(world: World, rng: np.random.Generator, index: Ints) -> tuple[tuple[Text, Text], Bools]:
    """Return the loyalty card of each brand; the brands count apart, numbers may coincide."""
    has_card = rng.random((index.size, 2)) < 0.6
    kept = has_card & world.has("loyalty")
    north, south = (number(index * 7 + offset, 9) for offset in (1_000_000, 1_000_003))
    return (when(kept[:, 0], north), when(kept[:, 1], south)), has_card


def draw_joined(rng: np.random.Generator, size: int) -> Ints:
    """Draw when a person became known: four in ten before the data begin."""
    before = rng.random(size) < 0.4
    low = np.where(before, epoch(2023, 3, 1), START)
    return daytime(rng, low, np.where(before, START, AS_OF - 5 * DAY))
