"""What people are called and how one reaches them: names, mail addresses, telephones, loyalty cards.

names.csv, person number  ->  columns of text

Every address and number contains the person's own number in some form, so two people share one only
where that is planted: in a mistake of a clerk (traps) or in a family (very rarely).
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from demo.columns import Bools, Ints, Text, join, number, pick, when
from demo.world import World

LANGUAGES = ("vi", "th", "zh", "fa", "en", "pt")
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


def make_cards(world: World, rng: np.random.Generator, index: Ints) -> tuple[tuple[Text, Text], Bools]:
    """Return the loyalty card of each brand; the brands count apart, numbers may coincide."""
    has_card = rng.random((index.size, 2)) < 0.6
    kept = has_card & world.has("loyalty")
    north, south = (number(index * 7 + offset, 9) for offset in (1_000_000, 1_000_003))
    return (when(kept[:, 0], north), when(kept[:, 1], south)), has_card
