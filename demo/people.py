"""The people: what they are called, where they live, what they use, how often they buy.

seed  ->  People (one row per person, columns of text and numbers)
"""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from demo.columns import Bools, Floats, Ints, Text, hexes, join, number, pick, take, when
from demo.naming import LANGUAGES, draw_names, make_cards, make_emails, make_phones
from demo.world import AS_OF, DAY, START, World, daytime, epoch

SHARES = (0.55, 0.12, 0.10, 0.06, 0.10, 0.07)
CITIES = ("Hà Nội", "TP. Hồ Chí Minh", "Đà Nẵng", "Hải Phòng", "Cần Thơ", "Huế", "Nha Trang", "Đà Lạt")
STREETS = ("Lê Lợi", "Trần Phú", "Nguyễn Huệ", "Hai Bà Trưng", "Lý Thường Kiệt", "Pasteur", "Bạch Đằng")


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


def draw_joined(rng: np.random.Generator, size: int) -> Ints:
    """Draw when a person became known: four in ten before the data begin."""
    before = rng.random(size) < 0.4
    low = np.where(before, epoch(2023, 3, 1), START)
    return daytime(rng, low, np.where(before, START, AS_OF - 5 * DAY))
