"""Comparing names: given name, family name, and both as one."""

from cli.fuzzy.levels import Comparison, Level, both, edits, near

_SWAPPED = (
    "(given_l <> family_l and given_r <> family_r"
    " and (given_l = family_r and jaro_winkler_similarity(family_bytes_l, given_bytes_r) >= 0.85"
    " or given_r = family_l and jaro_winkler_similarity(given_bytes_l, family_bytes_r) >= 0.85))"
)
_LONG = "least(strlen({0}_l), strlen({0}_r)) >= {1}"
# Names travel together: a Thai given name goes with a Thai family name. What two people share by chance is therefore
# counted of the whole name, under `given`; then `family` has nothing to add.
_WHOLE = "(list_has_any(given_names_l, given_names_r) and list_has_any(family_names_l, family_names_r))"

_NAME_COLUMNS = (
    "given", "given_bytes", "given_names", "given_first", "full_name", "family", "family_bytes", "family_names",
)  # fmt: skip
GIVEN = Comparison(
    "given",
    _NAME_COLUMNS,
    both("given"),
    (
        Level("both names same", "full_name_l = full_name_r", 0.62, "full_name"),
        Level("both names same or a known form", _WHOLE, 0.06),
        Level("same", "given_l = given_r", 0.12, "given"),
        Level("known short or other form", "list_has_any(given_names_l, given_names_r)", 0.01),
        Level("given and family name swapped", _SWAPPED, 0.02),
        Level(
            "one or two letters off, or begins alike",
            f"{near('given_bytes', 0.9)} or ({_LONG.format('given_bytes', 4)} and {edits('given_bytes', 1)})"
            f" or ({_LONG.format('given', 3)} and (starts_with(given_l, given_r) or starts_with(given_r, given_l)))",
            0.08,
        ),
        Level(
            "similar, or an initial",
            f"{near('given_bytes', 0.8)} or (least(strlen(given_l), strlen(given_r)) = 1"
            " and substr(given_l, 1, 1) = substr(given_r, 1, 1))",
            0.04,
        ),
        Level("different", "true", 0.05),
    ),
    shared=0.06,
)
FAMILY = Comparison(
    "family",
    ("family", "family_bytes", "family_names", "given", "given_bytes", "given_names"),
    f"{both('family')} or coalesce({_WHOLE}, false) or {_SWAPPED}",
    (
        Level("same", "family_l = family_r", 0.7, "family"),
        Level(
            "one or two letters off, one of two names, or other script",
            f"{near('family_bytes', 0.9)} or ({_LONG.format('family_bytes', 4)} and {edits('family_bytes', 1)})"
            " or list_has_any(family_names_l, family_names_r)"
            " or list_has_any(string_split(family_l, ' '), string_split(family_r, ' '))",
            0.17,
        ),
        Level("similar", near("family_bytes", 0.8), 0.03),
        Level("different", "true", 0.1),
    ),
    shared=1.0,
    exact=False,
)
