"""How frequent frequent values are: sharing `Nguyen` says little, sharing a rare name much.

The file is read by people, so it must not be a list of who is in the data: a value is listed only when several
different people carry it (`PEOPLE`), addresses and numbers as hashes, everything else falls under one figure.
That figure is chosen so that chance agreement over all values is the fitted one.
"""

from collections.abc import Sequence

import duckdb

from cli.fuzzy.model import Terms
from cli.fuzzy.prepare import PREPARED

PEOPLE = 5  # different carriers by each of two other columns: one person's misspellings must not pass for five people
LONGEST = 2000
HASHED = ("email", "phone", "full_name")
# Who is another person, seen from a value of this column: one who differs here.
_OTHERS = {"given": ("family_sound", "birth_year"), "family": ("given_sound", "birth_year")}
_ANYBODY = ("given_sound", "family_sound")
# Namesakes have all of a name in common: they differ in two of these, or in the only one there is.
_NAMESAKES = ("birth", "email", "phone", "street")


def count_terms(con: duckdb.DuckDBPyConnection, chance: dict[str, float]) -> list[Terms]:
    """Frequencies of the columns in `chance` (column -> fitted chance that two people agree on it)."""
    return [_terms(con, column, share) for column, share in chance.items()]


def _terms(con: duckdb.DuckDBPyConnection, column: str, chance: float) -> Terms:
    hashed = column in HASHED
    shown = f"md5({column})" if hashed else column
    rows = con.execute(f"""
        select {shown}, count(*) from {PREPARED} where {column} is not null
        group by {column} having {_several(con, column)}
        order by count(*) desc, {column} limit {LONGEST}
    """).fetchall()
    counted = con.execute(f"select count({column}) from {PREPARED}").fetchone()
    total = float(counted[0]) if counted else 0.0
    values = {value: n / total for value, n in rows}
    rest = max(1 - sum(values.values()), 1 / total)
    left = chance - sum(f * f for f in values.values())
    rarest = min(2.0 / total, chance)
    otherwise = min(max(left / rest, rarest), min([*values.values(), 1.0]))
    return Terms(column, hashed, otherwise, values)


def _several(con: duckdb.DuckDBPyConnection, column: str) -> str:
    """SQL: the records of a value are those of several people."""
    if column == "full_name":
        asked = ", ".join(f"count({other})" for other in _NAMESAKES)
        filled = con.execute(f"select {asked} from {PREPARED}").fetchone()
        assert filled is not None
        there = [other for other, n in zip(_NAMESAKES, filled, strict=True) if n]
        told = " + ".join(f"cast(count(distinct {other}) >= {PEOPLE} as integer)" for other in there)
        return f"{told or '0'} >= {max(1, min(2, len(there)))}"
    one, other = _OTHERS.get(column, _ANYBODY)
    # a column that nobody fills in cannot tell; the first must
    return (
        f"count(distinct {one}) >= {PEOPLE} and"
        f" (count(distinct {other}) >= {PEOPLE} or (select count({other}) from {PREPARED}) = 0)"
    )


def term_table(con: duckdb.DuckDBPyConnection, terms: Terms, into: str) -> None:
    """Write the look-up Splink joins: every value at hand with the file's figure for it."""
    con.execute(f"create or replace table {into}_file (value varchar, share double)")
    listed = [(value, share) for value, share in terms.values.items()]
    _insert(con, f"{into}_file", listed)
    shown = f"md5(p.{terms.column})" if terms.hashed else f"p.{terms.column}"
    con.execute(f"""
        -- Grain: one row per value of `{terms.column}` among the records at hand
        create or replace table {into} as
        select p.{terms.column}, coalesce(f.share, {terms.otherwise}) as tf_{terms.column}
        from (select distinct {terms.column} from {PREPARED} where {terms.column} is not null) as p
        left join {into}_file as f on f.value = {shown}
    """)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[str, float]]) -> None:
    if rows:
        con.execute(
            f"insert into {table} select unnest(?::varchar[]), unnest(?::double[])",
            [[value for value, _ in rows], [share for _, share in rows]],
        )
