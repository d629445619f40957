"""What two records say about each other: birth dates by parts, names in several scripts, addresses made of names."""

import pytest

from tests.fuzzy_records import grade


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1980-03-07", "1980-03-07", "same"),
        ("19800307", "1980-03-07", "same"),
        ("1980-03-07", "1980-07-03", "day and month swapped, or one digit off"),
        ("1980-03-07", "1980-03-17", "day and month swapped, or one digit off"),
        ("1980-03-07", "1908-03-07", "day and month swapped, or one digit off"),
        ("1980", "1980-03-07", "known parts same"),
        ("1980-03", "1980-03-07", "known parts same"),
        ("1981", "1980-03-07", "different"),
        ("1980-03-07", "1980-03-28", "two of three parts same"),
        ("1980-03-07", "1980-11-28", "two digits off, or only the year same"),
        ("1980-03-07", "1955-11-21", "different"),
        (None, "1980-03-07", "silent"),
    ],
)
def test_birth_dates_are_compared_by_parts(one: str | None, other: str, expected: str) -> None:
    """Compared as one text, a swapped day and month would look like another person."""
    assert grade("birth", {"birth_date": one}, {"birth_date": other}) == expected


def test_birth_parts_in_columns_of_their_own_are_the_same_date() -> None:
    """Some sources deliver three numbers."""
    assert (
        grade(
            "birth",
            {"birth_date": "1980-03-07"},
            {"birth_year": "1980", "birth_month": "3", "birth_day": "7"},
        )
        == "same"
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Robert", "ROBERT", "same"),
        ("Bob", "Robert", "known short or other form"),
        ("Анна", "Anna", "same"),
        ("Γιώργος", "γιωργοσ", "same"),
        ("淑芬", "Shu-fen", "known short or other form"),
        ("Nguyễn", "Nguyen", "same"),
        ("Zoë", "Zoe", "same"),
        ("Micheal", "Michael", "one or two letters off, or begins alike"),
        ("Alexandra", "Alex", "known short or other form"),
        ("J", "John", "similar, or an initial"),
        ("Walter", "Ingrid", "different"),
        ("美玲", "淑芬", "different"),
        ("Dr. Anna", "Anna", "same"),
        ("", "Anna", "silent"),
    ],
)
def test_given_names_in_several_scripts(one: str, other: str, expected: str) -> None:
    """Edit distances count characters, accents and scripts with Latin counterparts are folded."""
    assert (
        grade("given", {"first_name": one, "last_name": "x"}, {"first_name": other, "last_name": "y"})
        == expected
    )


@pytest.mark.parametrize(
    ("one", "other", "given", "family"),
    [
        (("Lan", "Nguyễn"), ("Lan", "Nguyen"), "both names same", "silent"),
        (("Bob", "Smith"), ("Robert", "Smith"), "both names same or a known form", "silent"),
        (("王", "Lan"), ("王", "Mai"), "same", "different"),
        (("Lan", "Nguyen"), ("Mai", "Nguyen"), "different", "same"),
        (("Lan", None), ("Lan", None), "same", "silent"),
    ],
)
def test_a_whole_name_counts_once(
    one: tuple[str, str | None], other: tuple[str, str | None], given: str, family: str
) -> None:
    """Given and family names of one culture travel together: two agreements would count their culture twice."""
    left, right = ({"first_name": name[0], "last_name": name[1]} for name in (one, other))

    assert grade("given", left, right) == given
    assert grade("family", left, right) == family


def test_a_given_name_says_its_gender() -> None:
    one = {"first_name": "Lan", "gender": "f"}

    assert grade("gender", one, one) == "silent"
    assert grade("gender", one, {"first_name": "Mai", "gender": "f"}) == "same"


def test_swapped_names_count_once() -> None:
    """The family name says nothing more when given and family name stand in each other's place."""
    one, other = {"first_name": "Linh", "last_name": "Tran"}, {"first_name": "Tran", "last_name": "Linh"}

    assert grade("given", one, other) == "given and family name swapped"
    assert grade("family", one, other) == "silent"


def test_a_full_name_meets_its_parts() -> None:
    """Sources that deliver one field and sources that deliver two must meet."""
    assert (
        grade("family", {"full_name": "Anna Maria Schmidt"}, {"first_name": "Beate", "last_name": "Schmidt"})
        == "same"
    )
    assert (
        grade("given", {"full_name": "王淑芬"}, {"first_name": "淑芬", "last_name": "王"})
        == "both names same"
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("kx7f@a.example", "kx7f@a.example", "same"),
        ("kx7f@a.example", "kx7f@b.example", "same user, other domain"),
        ("kx7fw@a.example", "kx7w@a.example", "a typing error apart"),
        # the letters repeat the name; the number is news
        ("john.smith77@a.example", "john.smith77@b.example", "a name with the same short number"),
        ("john.smith1985@a.example", "smithjohn_1985@b.example", "a name with the same long number"),
        # another number is another mailbox: father and son
        ("john.smith77@a.example", "john.smith5@b.example", "different"),
        ("kx7f@a.example", "kx8f@b.example", "different"),
        ("john.smith@a.example", "jon.smith@a.example", "silent"),
        ("john.smith77@a.example", "john.smith@b.example", "silent"),
        ("john.smith@mail.example", "john.smith@post.example", "silent"),
        ("skywalker@a.example", "john.smith@a.example", "different"),
    ],
)
def test_addresses_made_of_the_name_do_not_repeat_it(one: str, other: str, expected: str) -> None:
    name = {"first_name": "John", "last_name": "Smith"}

    assert grade("email", name | {"email": one}, name | {"email": other}) == expected


def test_a_year_of_birth_in_an_address_repeats_the_birth_date() -> None:
    """Two John Smiths of 1985 may both be john.smith1985."""
    one = {"first_name": "John", "last_name": "Smith", "email": "john.smith1985@a.example"}
    other = one | {"email": "johnsmith_1985@b.example"}

    assert grade("email", one, other) == "a name with the same long number"
    born = {"birth_date": "1985-03-07"}
    assert grade("email", one | born, other | born) == "silent"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("muyang.wang1562@b.example", "different"),
        ("wangmuyang_1085@b.example", "a name with the same long number"),
    ],
)
def test_an_address_repeats_a_name_in_another_script(other: str, expected: str) -> None:
    """A romanisation cannot be read back to the signs, so the letters are taken for the name."""
    name = {"first_name": "沐阳", "last_name": "王"}

    assert grade("email", name | {"email": "muyang.wang1085@a.example"}, name | {"email": other}) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("+44 7700 900123", "07700900123", "same"),
        ("07700900123", "07700900132", "one digit off"),
        ("07700900123", "01632960001", "different"),
    ],
)
def test_telephones_by_digits(one: str, other: str, expected: str) -> None:
    assert grade("phone", {"phone": one}, {"phone": other}) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("12 Park Road", "Hue"), ("12 Park Road", "Hue"), "same street and place"),
        (("12 Park Road Hue", "Hue"), ("12 Park Road", None), "same street, place not known"),
        (
            ("12 Park Road", "Hue"),
            ("12 Park Raod", None),
            "similar street, same house, same or unknown place",
        ),
        (("12 Park Road", "Hue"), ("14 Park Road", None), "similar street, other house"),
        (("12 Park Road", "Hue"), ("12 Park Road", "Vinh"), "same or similar street, other place"),
        (("12 Park Road", "Hue"), ("14 Park Road", "Vinh"), "different"),
    ],
)
def test_houses_of_one_street_are_different_addresses(
    one: tuple[str, str | None], other: tuple[str, str | None], expected: str
) -> None:
    """As texts `12 Park Road` and `14 Park Road` are nearly equal."""
    left, right = ({"street": street, "city": city} for street, city in (one, other))

    assert grade("address", left, right) == expected
