"""Namesakes across cultures: what is merged without a common identifier must be right as often as asked."""

import functools
import random

import numpy as np
import pytest

from cli.fuzzy import Model, score, thresholds, train
from cli.fuzzy.comparisons import BY_NAME
from cli.fuzzy.mixture import _bound_namesakes
from tests.fuzzy_records import AS_OF, table

CULTURES = 6
CONSONANTS = ("bdgl", "kmnp", "rstv", "chjz", "fqwx", "lnsy")
STREETS = ("Pasteur", "Tran Phu", "Le Loi", "Bach Dang", "Park Road", "Hai Ba Trung")
CITIES = ("Hue", "Vinh", "Hanoi", "Dalat")
Row = dict[str, str | None]


def _names(rng: random.Random, culture: int, count: int) -> list[str]:
    letters = CONSONANTS[culture]
    return ["".join(rng.choice(letters) + rng.choice("aeiou") for _ in range(3)) for _ in range(count)]


def _signs(name: str, culture: int) -> str:
    """The name in signs without Latin counterpart: one sign for two letters."""
    return "".join(
        chr(0x4E00 + 97 * culture + 7 * ord(name[i]) + ord(name[i + 1])) for i in range(0, len(name), 2)
    )


def population(people: int, seed: int) -> tuple[list[Row], dict[str, str]]:
    """Records of a CRM and two shops, few names per culture, two cultures that write in signs."""
    rng = random.Random(seed)
    givens = [_names(rng, culture, 14) for culture in range(CULTURES)]
    families = [_names(rng, culture, 8) for culture in range(CULTURES)]
    rows: list[Row] = []
    truth: dict[str, str] = {}
    for person in range(people):
        culture = rng.randrange(CULTURES)
        given, family = rng.choice(givens[culture]), rng.choice(families[culture])
        emails = [
            f"{given}.{family}{person}@mail.example",
            f"{family}{given}_{person}@post.example",
            f"{given}{family}{rng.randrange(2000)}@mail.example",
        ]
        phones = [f"+84{rng.randrange(300_000_000, 999_999_999)}" for _ in range(2)]
        homes = [(f"{rng.randrange(1, 400)} {rng.choice(STREETS)}", rng.choice(CITIES)) for _ in range(2)]
        born = f"{rng.randrange(1950, 2005)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
        for _ in range(rng.choice((1, 1, 2, 2, 3))):
            signs = culture >= CULTURES - 2 and rng.random() < 0.9
            crm = rng.random() < 0.4
            street, city = rng.choices(homes, (9, 1))[0]
            row: Row = {
                "record_id": f"r{rng.randrange(10**9):09d}",
                "source": "crm" if crm else rng.choice(("north", "south")),
                "first_name": _signs(given, culture) if signs else given,
                "last_name": _signs(family, culture) if signs else family,
                "birth_date": born if crm and rng.random() < 0.7 else None,
                "email": rng.choices((*emails, None), (5, 2, 1, 2))[0],
                "phone": rng.choices((*phones, None), (6, 1, 3))[0],
                "street": f"{street} {city}" if crm else street,
                "city": city if crm else None,
            }
            if rng.random() < 0.1:
                row["street"] = row["city"] = None
            rows.append(row)
            truth[str(row["record_id"])] = str(person)
    return rows, truth


def _shared(one: Row, other: Row) -> bool:
    return any(one[key] and one[key] == other[key] for key in ("email", "phone"))


@functools.cache
def _trained(seed: int, unknown: str | None) -> Model:
    rows, _ = population(900, seed)
    con = table([dict(row) | ({unknown: None} if unknown else {}) for row in rows])
    return train(con, "records", as_of=AS_OF)


@pytest.mark.parametrize(("seed", "unknown"), [(2, None), (1, "email")])
def test_merges_without_a_common_identifier_are_right(seed: int, unknown: str | None) -> None:
    """Names by chance, addresses made of them, houses of one street: none may pass for a person."""
    rows, truth = population(900, seed)
    for row in rows:
        row |= {unknown: None} if unknown else {}
    con = table([dict(row) for row in rows])
    model = _trained(seed, unknown)
    merge, review = thresholds(model, 0.97, 0.80)
    score(con, "records", model, into="pairs")
    found = con.execute(
        "select record_a, record_b, match_weight from pairs where match_weight >= ?", [review]
    ).fetchall()

    by_id = {str(row["record_id"]): row for row in rows}
    doubtful = [(a, b, weight) for a, b, weight in found if not _shared(by_id[a], by_id[b])]
    merged = [truth[a] == truth[b] for a, b, weight in doubtful if weight >= merge]
    shown = [truth[a] == truth[b] for a, b, weight in doubtful if weight < merge]
    assert len({(row["first_name"], row["last_name"]) for row in rows}) < 700  # there are namesakes
    assert len(merged) > 150
    assert sum(merged) / len(merged) >= 0.95
    assert len(shown) <= 20 or sum(shown) >= 0.2 * len(shown)
    assert 0.8 <= model.expected_matches / _pairs(truth) <= 1.2


def test_a_name_alone_is_nobody() -> None:
    """However rare a name is said to be, two records that agree in nothing else stay doubtful."""
    model = _trained(2, None)
    con = table([{"record_id": "c"} | dict.fromkeys(("first_name", "last_name", "source"))])
    merge, _ = thresholds(model, 0.97, 0.80)
    same = {"first_name": "Unheard", "last_name": "Ofname", "source": "crm"}
    con.execute("create table two as select * from records limit 0")
    con.executemany(
        "insert into two by name select ? as record_id, ? as first_name, ? as last_name, ? as source",
        [["a", *same.values()], ["b", *same.values()]],
    )
    score(con, "two", model, into="pairs", keep_from=0.0)
    found = con.execute("select match_weight from pairs").fetchall()

    assert len(found) == 1
    assert found[0][0] < merge


def _pairs(truth: dict[str, str]) -> int:
    counts: dict[str, int] = {}
    for person in truth.values():
        counts[person] = counts.get(person, 0) + 1
    return sum(n * (n - 1) // 2 for n in counts.values())


def test_the_chance_of_a_whole_name_stays_within_reason() -> None:
    """Copies with errors elsewhere look like namesakes; ten times the product of the parts is the most."""
    compared = [BY_NAME["given"], BY_NAME["family"]]
    given = np.array([0.8, 0, 0, 0, 0, 0.02, 0, 0.18])
    _bound_namesakes(compared, [given, np.array([0.9, 0.08, 0.01, 0.01])])

    assert given.sum() == pytest.approx(1)
    assert given[-1] == pytest.approx(10 * 0.2 * 0.01 / 0.84)
