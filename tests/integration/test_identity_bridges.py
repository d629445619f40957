"""Links that alone hold two groups of contacts together, against taking every value away and looking."""

import random
from collections import defaultdict
from pathlib import Path

from tests.companies import CONTACTS, IDENTITY, TestCompany
from tests.identity_oracle import components

Row = tuple[str, str, str]  # id, email, phone


def _company(path: Path, rows: list[Row]) -> TestCompany:
    company = TestCompany(
        path,
        [{"name": "crm", "connector": "files", "tables": [CONTACTS]}],
        select=(*IDENTITY, "+identity_health"),
    )
    company.csv("data/contacts1.csv", "id,email,phone,first,last", *(f"{i},{e},{p},An,L" for i, e, p in rows))
    company.load_and_build()
    return company


def _bridges(company: TestCompany) -> set[tuple[str, int, int]]:
    """Value, contacts of the biggest part and of the second biggest."""
    return set(
        company.rows("""
            select distinct linking.identifier_value, bridges.contacts, bridges.other_contacts
            from identity.identity_bridges as bridges
            join identity.int_identity__linking as linking on bridges.link_key = linking.value_key
        """)
    )


def _parts(rows: list[Row], without: str | None = None) -> list[list[Row]]:
    """Components of contacts that share a value."""
    holders: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for value in row[1:]:
            if value and value != without:
                holders[value].append(row[0])
    links = [(one, some[0]) for some in holders.values() for one in some[1:]]
    return [[row for row in rows if row[0] in part] for part in components({row[0] for row in rows}, links)]


def _tried(rows: list[Row]) -> set[tuple[str, int, int]]:
    found = set()
    for part in _parts(rows):
        if not 4 <= len(part) <= 50:
            continue
        for value in {value for row in part for value in row[1:] if value}:
            sizes = sorted((len(one) for one in _parts(part, without=value)), reverse=True)
            if len(sizes) > 1 and sizes[1] >= 2:
                found.add((value, sizes[0], sizes[1]))
    return found


def test_one_record_between_two_people_is_seen(tmp_path: Path) -> None:
    """Two people of three records; a seventh has the mailbox of the one and the telephone of the other."""
    rows = [(f"a{i}", "a@mail.example", "+84912345601") for i in range(3)]
    rows += [(f"b{i}", "b@mail.example", "+84912345602") for i in range(3)]
    rows += [("x", "a@mail.example", "+84912345602")]
    rows += [(f"c{i}", "c@mail.example", "+84912345603") for i in range(5)]  # two links hold these
    company = _company(tmp_path / "c", rows)

    assert _bridges(company) == {("a@mail.example", 4, 3), ("+84912345602", 4, 3)}


def test_random_graphs_have_the_bridges_that_removal_finds(tmp_path: Path) -> None:
    rng = random.Random(11)
    rows: list[Row] = []
    for graph in range(60):
        size = rng.randint(3, 12)
        values = max(2, int(size * rng.choice([0.3, 0.5])))
        for node in range(size):
            email = f"g{graph}v{rng.randrange(values)}@mail.example" if rng.random() < 0.8 else ""
            phone = f"+8491{graph + 300}{rng.randrange(values) + 4000}" if rng.random() < 0.6 else ""
            rows.append((f"g{graph}n{node}", email, phone))
    company = _company(tmp_path / "c", rows)
    expected = _tried(rows)

    assert len(expected) > 10
    assert _bridges(company) == expected
    share = company.rows("select share, n from marts.identity_health where sign like '%one link holds'")
    assert len(share) == 1
    assert 0 < share[0][0] < 1
    company.build()  # an incremental build works all trials out anew
    assert _bridges(company) == expected
