"""What is compared of two records, and in which grades.

One definition serves training, scoring (through Splink) and the reading of a model file. Conditions are SQL over
`<column>_l` and `<column>_r` of the prepared table; the first that holds decides. `usual` is where a pair of one
person falls before any data are seen: a weak belief (as good as `STRENGTH` pairs), so that a grade no training
pair reached has a sane weight instead of infinity. `shared` is how often two relatives agree because they are
relatives: it feeds the third class of the mixture (see `mixture.py`).
"""

from dataclasses import dataclass

STRENGTH = 8.0


@dataclass(frozen=True)
class Level:
    """A grade of agreement; `term` names the column whose frequency weighs it."""

    label: str
    condition: str
    usual: float
    term: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A comparison: its prepared columns, when it says nothing, and its grades from best to worst."""

    name: str
    columns: tuple[str, ...]
    silent: str
    levels: tuple[Level, ...]
    shared: float = 0.0
    rows: str = ""  # which records can be compared at all

    @property
    def filled(self) -> str:
        """SQL: the record has what this comparison needs."""
        return self.rows or f"{self.columns[0]} is not null"


def _both(column: str) -> str:
    return f"({column}_l is null or {column}_r is null)"


def _near(column: str, winkler: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {winkler}"


def _edits(column: str, most: int, likely_from: float = 0.75) -> str:
    """At most so many letters off; the cheap similarity before it keeps the dear distance from most pairs."""
    likely = f"jaro_similarity({column}_l, {column}_r) >= {likely_from}"
    return f"({likely} and damerau_levenshtein({column}_l, {column}_r) <= {most})"


def _digits(column: str, most: int) -> str:
    """At most so many digits off in texts of one length, two digits in the wrong order counting once."""
    differing = f"hamming({column}_l, {column}_r)"
    if most > 1:
        return f"{differing} <= {most}"
    return f"({differing} <= 2 and damerau_levenshtein({column}_l, {column}_r) <= 1)"


_SWAPPED = (
    "(given_l <> family_l and given_r <> family_r"
    " and (given_l = family_r and jaro_winkler_similarity(family_bytes_l, given_bytes_r) >= 0.85"
    " or given_r = family_l and jaro_winkler_similarity(given_bytes_l, family_bytes_r) >= 0.85))"
)
_PARTS_EQUAL = (
    "(cast(coalesce(birth_year_l = birth_year_r, false) as integer)"
    " + cast(coalesce(birth_month_l = birth_month_r, false) as integer)"
    " + cast(coalesce(birth_day_l = birth_day_r, false) as integer))"
)
_PARTS_KNOWN = (
    "(cast(birth_year_l is not null and birth_year_r is not null as integer)"
    " + cast(birth_month_l is not null and birth_month_r is not null as integer)"
    " + cast(birth_day_l is not null and birth_day_r is not null as integer))"
)
_LONG = "least(strlen({0}_l), strlen({0}_r)) >= {1}"

GIVEN = Comparison(
    "given",
    ("given", "given_bytes", "given_names", "given_first", "family", "family_bytes"),
    _both("given"),
    (
        Level("same", "given_l = given_r", 0.76, "given"),
        Level("known short or other form", "list_has_any(given_names_l, given_names_r)", 0.05),
        Level("given and family name swapped", _SWAPPED, 0.02),
        Level(
            "one or two letters off, or begins alike",
            f"{_near('given_bytes', 0.9)} or ({_LONG.format('given_bytes', 4)} and {_edits('given_bytes', 1)})"
            f" or ({_LONG.format('given', 3)} and (starts_with(given_l, given_r) or starts_with(given_r, given_l)))",
            0.08,
        ),
        Level(
            "similar, or an initial",
            f"{_near('given_bytes', 0.8)} or (least(strlen(given_l), strlen(given_r)) = 1"
            " and substr(given_l, 1, 1) = substr(given_r, 1, 1))",
            0.04,
        ),
        Level("different", "true", 0.05),
    ),
    shared=0.06,
)
FAMILY = Comparison(
    "family",
    ("family", "family_bytes", "family_names", "given", "given_bytes"),
    # swapped names are counted once, under `given`
    f"{_both('family')} or {_SWAPPED}",
    (
        Level("same", "family_l = family_r", 0.82, "family"),
        Level(
            "one or two letters off, one of two names, or other script",
            f"{_near('family_bytes', 0.9)} or ({_LONG.format('family_bytes', 4)} and {_edits('family_bytes', 1)})"
            " or list_has_any(family_names_l, family_names_r)"
            " or list_has_any(string_split(family_l, ' '), string_split(family_r, ' '))",
            0.09,
        ),
        Level("similar", _near("family_bytes", 0.8), 0.02),
        Level("different", "true", 0.07),
    ),
    shared=1.0,
)
BIRTH = Comparison(
    "birth",
    ("birth", "birth_year", "birth_month", "birth_day"),
    f"{_PARTS_KNOWN} = 0",
    (
        Level("same", "birth_l = birth_r", 0.84, "birth"),
        Level(
            "day and month swapped, or one digit off",
            "(birth_year_l = birth_year_r and birth_month_l = birth_day_r and birth_day_l = birth_month_r)"
            f" or {_digits('birth', 1)}",
            0.07,
        ),
        Level("known parts same", f"{_PARTS_KNOWN} < 3 and {_PARTS_EQUAL} = {_PARTS_KNOWN}", 0.84),
        Level("two of three parts same", f"{_PARTS_EQUAL} = 2", 0.04),
        Level(
            "two digits off, or only the year same",
            f"birth_year_l = birth_year_r or {_digits('birth', 2)}",
            0.02,
        ),
        Level("different", "true", 0.03),
    ),
    shared=0.03,
    rows="coalesce(birth_year, birth_month, birth_day) is not null",
)
_NAMED = "coalesce(email_named_l and email_named_r, false)"
_SAME_USER = (
    f"(email_user_l = email_user_r and strlen(email_user_l) >= 4 and (email_digits_l <> '' or not {_NAMED}))"
)
_TYPED_WRONG = (
    f"(email_digits_l = email_digits_r and {_edits('email', 2, 0.85)}"
    f" or email_digits_l <> '' and email_digits_r <> '' and {_edits('email', 1, 0.9)})"
)
# John Smith of 1950 and of 1980 are both jsmith: such likeness repeats the names, and would count them twice
_NAMESAKES = f"({_NAMED} and email_l <> email_r and {_near('email_letters', 0.8)} and not {_SAME_USER} and not {_TYPED_WRONG})"
EMAIL = Comparison(
    "email",
    ("email", "email_user", "email_letters", "email_digits", "email_named"),
    f"{_both('email')} or {_NAMESAKES}",
    (
        Level("same", "email_l = email_r", 0.6, "email"),
        Level("same user, other domain", _SAME_USER, 0.1),
        Level("a typing error apart", _TYPED_WRONG, 0.1),
        Level("similar user", _near("email_user", 0.88), 0.05),
        Level("different", "true", 0.15),
    ),
    shared=0.15,
)
PHONE = Comparison(
    "phone",
    ("phone",),
    _both("phone"),
    (
        Level("same", "phone_l = phone_r", 0.65, "phone"),
        Level("one digit off", _edits("phone", 1), 0.1),
        Level("different", "true", 0.25),
    ),
    shared=0.4,
)
_SAME_PLACE = "(coalesce(postal_code_l = postal_code_r, false) or coalesce(city_l = city_r, false))"
_STREET_NEAR = f"({_near('street_bytes', 0.9)} or {_edits('street_bytes', 2, 0.85)})"
ADDRESS = Comparison(
    "address",
    ("street", "street_bytes", "postal_code", "city"),
    f"{_both('street')} and {_both('postal_code')}",
    (
        Level("same street and place", f"street_l = street_r and {_SAME_PLACE}", 0.5),
        Level("similar street, same place", f"{_STREET_NEAR} and {_SAME_PLACE}", 0.15),
        Level("same or similar street only", _STREET_NEAR, 0.1),
        Level("same postal code", "postal_code_l = postal_code_r", 0.08),
        Level("postal code one digit off", _edits("postal_code", 1), 0.02),
        Level("different", "true", 0.15),
    ),
    shared=1.0,
    rows="coalesce(street, postal_code) is not null",
)
CITY = Comparison(
    "city",
    ("city", "city_bytes"),
    _both("city"),
    (
        Level("same", "city_l = city_r", 0.75, "city"),
        Level("similar", f"{_near('city_bytes', 0.9)} or {_edits('city_bytes', 1)}", 0.1),
        Level("different", "true", 0.15),
    ),
    shared=1.0,
)
REGION = Comparison(
    "region",
    ("region",),
    _both("region"),
    (Level("same", "region_l = region_r", 0.9), Level("different", "true", 0.1)),
    shared=1.0,
)
GENDER = Comparison(
    "gender",
    ("gender",),
    _both("gender"),
    (Level("same", "gender_l = gender_r", 0.97), Level("different", "true", 0.03)),
)
NATIONAL_ID = Comparison(
    "national_id",
    ("national_id",),
    _both("national_id"),
    (
        Level("same", "national_id_l = national_id_r", 0.85),
        Level("one digit off", _edits("national_id", 1), 0.08),
        Level("two digits off", _edits("national_id", 2), 0.02),
        Level("different", "true", 0.05),
    ),
)
SOURCE = Comparison(
    "source",
    ("source",),
    _both("source"),
    (Level("same", "source_l = source_r", 0.5), Level("other", "true", 0.5)),
    shared=1.0,
)

ALL: tuple[Comparison, ...] = (
    GIVEN, FAMILY, BIRTH, EMAIL, PHONE, ADDRESS, CITY, REGION, GENDER, NATIONAL_ID, SOURCE,
)  # fmt: skip
BY_NAME = {comparison.name: comparison for comparison in ALL}
TERMS = ("given", "family", "birth", "email", "phone", "city")


def graded(comparison: Comparison) -> str:
    """SQL: -1 silent, else the grade, the worst being 0 (Splink's numbering)."""
    best = len(comparison.levels) - 1
    whens = " ".join(f"when {level.condition} then {best - i}" for i, level in enumerate(comparison.levels))
    return f"case when {comparison.silent} then -1 {whens} end"
