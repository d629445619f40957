"""Counting for the fit: grades of random pairs, and patterns of grades of candidate pairs.

Samples are taken by a hash of record ids, never at random: the same records give the same counts in any order, on
any number of threads, and so the same model file.
"""

from collections.abc import Sequence

import duckdb
import numpy as np

from cli.fuzzy.blocking import PAIRS
from cli.fuzzy.comparisons import graded
from cli.fuzzy.levels import Comparison
from cli.fuzzy.mixture import Floats, Observed
from cli.fuzzy.prepare import PREPARED
from cli.fuzzy.scratch import SCHEMA

GRADED = f"{SCHEMA}.graded"
RANDOM_RECORDS = 1000
MAX_CANDIDATES = 3_000_000


def usable(
    con: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], least: float
) -> dict[str, float]:
    """Share of records each comparison can use, for those that can be used and tell records apart."""
    asked = ", ".join(f"avg(cast({c.filled} as integer))" for c in comparisons)
    asked_values = ", ".join(f"count(distinct {c.columns[0]})" for c in comparisons)
    row = con.execute(f"select {asked} from {PREPARED}").fetchone()
    values = con.execute(f"select {asked_values} from {PREPARED}").fetchone()
    assert row is not None
    assert values is not None
    shares = {}
    for comparison, share, distinct in zip(comparisons, row, values, strict=True):
        if share and share >= least and distinct >= 2:
            shares[comparison.name] = float(share)
    return shares


def columns_of(comparisons: Sequence[Comparison]) -> list[str]:
    """Prepared columns that these comparisons read, each once."""
    return list(dict.fromkeys(column for c in comparisons for column in c.columns))


def paired(comparisons: Sequence[Comparison], pairs: str) -> str:
    """SQL: both sides of each pair beside each other, behind the columns of `pairs`."""
    sides = ", ".join(f"l.{c} as {c}_l, r.{c} as {c}_r" for c in columns_of(comparisons))
    return (
        f"select p.*, {sides} from {pairs} as p inner join {PREPARED} as l on p.l = l.row_id"
        f" inner join {PREPARED} as r on p.r = r.row_id"
    )


def observe(
    con: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], seed: int, records: int
) -> Observed:
    """Count everything the fit needs; `pairs` must be written."""
    patterns, counts = _patterns(con, comparisons, seed)
    random, floors = _random(con, comparisons, seed)
    return Observed(patterns, counts, records * (records - 1) / 2, random, floors)


def sample_candidates(con: duckdb.DuckDBPyConnection, seed: int, most: int = MAX_CANDIDATES) -> float:
    """Write `sampled` (l, r); return how many candidate pairs each of them stands for."""
    row = con.execute(f"select count(*) from {PAIRS}").fetchone()
    total = int(row[0]) if row else 0
    rate = max(1, -(-total // most))
    con.execute(f"""
        create or replace table {SCHEMA}.sampled as
        select p.l, p.r from {PAIRS} as p
        inner join {PREPARED} as a on p.l = a.row_id
        inner join {PREPARED} as b on p.r = b.row_id
        where {rate} = 1 or md5_number_lower(a.record_id || chr(31) || b.record_id || '{seed}') % {rate} = 0
    """)
    return float(rate)


def _patterns(
    con: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], seed: int
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], Floats]:
    rate = sample_candidates(con, seed)
    grades = ", ".join(f"cast({graded(c)} as tinyint) as g_{c.name}" for c in comparisons)
    names = ", ".join(f"g_{c.name}" for c in comparisons)
    con.execute(f"""
        create or replace table {GRADED} as
        with paired as ({paired(comparisons, SCHEMA + ".sampled")})
        select l, r, {grades} from paired
    """)
    rows = con.execute(f"""
        select {names}, count(*) from {GRADED} group by all order by all
    """).fetchnumpy()
    table = np.column_stack([np.asarray(column, dtype=np.float64) for column in rows.values()])
    return table[:, :-1].astype(np.int64), table[:, -1] * rate


def _random(
    con: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], seed: int
) -> tuple[list[Floats], list[Floats]]:
    """Share of each grade among random pairs of distinct records; exact for plain equality."""
    shares, floors = [], []
    for comparison in comparisons:
        counts = _random_counts(con, comparison, seed)
        told = counts.sum()
        share = (counts + 0.5) / (told + 0.5 * len(counts))
        floor = np.full(len(counts), 0.05 / max(told, 1.0))
        best = comparison.levels[0]
        if best.term and comparison.exact:
            exact, rows = _equal_share(con, best.term)
            share[-1] = max(exact, 0.5 / max(rows * rows, 1.0))
            share[:-1] *= (1 - share[-1]) / share[:-1].sum()
            floor[-1] = min(floor[-1], share[-1] * 0.02)
        if comparison.name == "birth":
            floor[-1] = max(floor[-1], 0.5 * _parts_share(con))
        shares.append(share)
        floors.append(floor)
    return shares, floors


def _random_counts(con: duckdb.DuckDBPyConnection, comparison: Comparison, seed: int) -> Floats:
    """Grades of all pairs among the records whose hashes are smallest, of those that have a value; equal ones as one."""
    columns = ", ".join(comparison.columns)
    con.execute(f"""
        create or replace table {SCHEMA}.drawn as
        select min(row_id) as row_id, count(*) as n from (
            select row_id, {columns} from {PREPARED} where {comparison.filled}
            order by md5(record_id || '{seed}'), record_id limit {RANDOM_RECORDS}
        ) group by {columns}
    """)
    drawn = f"{SCHEMA}.drawn"
    pairs = (
        "(select a.row_id as l, b.row_id as r,"
        " case when a.row_id = b.row_id then a.n * (a.n - 1) // 2 else a.n * b.n end as n"
        f" from {drawn} as a inner join {drawn} as b on a.row_id <= b.row_id)"
    )
    rows = con.execute(f"""
        with paired as ({paired([comparison], pairs)})
        select {graded(comparison)} as grade, cast(sum(n) as bigint) from paired group by grade
    """).fetchall()
    counts = np.zeros(len(comparison.levels))
    for grade, n in rows:
        if grade >= 0:
            counts[grade] = n
    return counts


def _equal_share(con: duckdb.DuckDBPyConnection, column: str) -> tuple[float, float]:
    row = con.execute(f"""
        select coalesce(sum(n * (n - 1.0)), 0), coalesce(sum(n), 0) from
            (select count(*) as n from {PREPARED} where {column} is not null group by {column})
    """).fetchone()
    assert row is not None
    agreeing, rows = float(row[0]), float(row[1])
    return (agreeing / (rows * (rows - 1)) if rows > 1 else 0.0), rows


def _parts_share(con: duckdb.DuckDBPyConnection) -> float:
    """How often two independent birth dates would agree: the product over year, month and day."""
    share = 1.0
    for part in ("birth_year", "birth_month", "birth_day"):
        share *= _equal_share(con, part)[0] or 1.0
    return share
