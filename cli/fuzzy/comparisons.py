"""What is compared of two records, and in which grades.

One definition serves training, scoring (through Splink) and the reading of a model file. Conditions are SQL over
`<column>_l` and `<column>_r` of the prepared table; the first that holds decides. `usual` is where a pair of one
person falls before any data are seen: a weak belief (as good as `STRENGTH` pairs), so that a grade no training
pair reached has a sane weight instead of infinity. `shared` is how often two relatives agree because they are
relatives: it feeds the third class of the mixture (see `mixture.py`).
"""

from cli.fuzzy.compare_contacts import ADDRESS, EMAIL, PHONE
from cli.fuzzy.compare_names import FAMILY, GIVEN
from cli.fuzzy.levels import Comparison, Level, both, digits, edits, near

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
BIRTH = Comparison(
    "birth",
    ("birth", "birth_year", "birth_month", "birth_day"),
    f"{_PARTS_KNOWN} = 0",
    (
        Level("same", "birth_l = birth_r", 0.84, "birth"),
        Level(
            "day and month swapped, or one digit off",
            "(birth_year_l = birth_year_r and birth_month_l = birth_day_r and birth_day_l = birth_month_r)"
            f" or {digits('birth', 1)}",
            0.07,
        ),
        Level("known parts same", f"{_PARTS_KNOWN} < 3 and {_PARTS_EQUAL} = {_PARTS_KNOWN}", 0.84),
        Level("two of three parts same", f"{_PARTS_EQUAL} = 2", 0.04),
        Level(
            "two digits off, or only the year same",
            f"birth_year_l = birth_year_r or {digits('birth', 2)}",
            0.02,
        ),
        Level("different", "true", 0.03),
    ),
    shared=0.03,
    rows="coalesce(birth_year, birth_month, birth_day) is not null",
)
CITY = Comparison(
    "city",
    ("city", "city_bytes"),
    both("city"),
    (
        Level("same", "city_l = city_r", 0.75, "city"),
        Level("similar", f"{near('city_bytes', 0.9)} or {edits('city_bytes', 1)}", 0.1),
        Level("different", "true", 0.15),
    ),
    shared=1.0,
)
REGION = Comparison(
    "region",
    ("region",),
    both("region"),
    (Level("same", "region_l = region_r", 0.9), Level("different", "true", 0.1)),
    shared=1.0,
)
GENDER = Comparison(
    "gender",
    ("gender", "given"),
    # a given name says its gender
    f"{both('gender')} or coalesce(given_l = given_r, false)",
    (Level("same", "gender_l = gender_r", 0.97), Level("different", "true", 0.03)),
)
NATIONAL_ID = Comparison(
    "national_id",
    ("national_id",),
    both("national_id"),
    (
        Level("same", "national_id_l = national_id_r", 0.85),
        Level("one digit off", edits("national_id", 1), 0.08),
        Level("two digits off", edits("national_id", 2), 0.02),
        Level("different", "true", 0.05),
    ),
)
SOURCE = Comparison(
    "source",
    ("source",),
    both("source"),
    (Level("same", "source_l = source_r", 0.5), Level("other", "true", 0.5)),
    shared=1.0,
)

ALL: tuple[Comparison, ...] = (
    GIVEN, FAMILY, BIRTH, EMAIL, PHONE, ADDRESS, CITY, REGION, GENDER, NATIONAL_ID, SOURCE,
)  # fmt: skip
BY_NAME = {comparison.name: comparison for comparison in ALL}
TERMS = ("full_name", "given", "family", "birth", "email", "phone", "city")


def graded(comparison: Comparison) -> str:
    """SQL: -1 silent, else the grade, the worst being 0 (Splink's numbering)."""
    best = len(comparison.levels) - 1
    whens = " ".join(f"when {level.condition} then {best - i}" for i, level in enumerate(comparison.levels))
    return f"case when {comparison.silent} then -1 {whens} end"
