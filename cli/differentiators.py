"""What distinguishes the members of an audience from everybody else: each attribute of the customers' marts, with effect size.

Data flow: marts with one row per customer, marts.audience_members -> SQL counts per column -> effects, largest first

One scale for all: the probability that a member's value is the larger one less the probability that it is the smaller
(Cliff's delta, -1 to 1). For yes and no, and for one word among many, that is the difference of two shares. Intervals are
95 %: DeLong's for values (DeLong, DeLong, Clarke-Pearson 1988), Newcombe's for shares (1998, method 10). `is_sure` holds over
all comparisons together (Holm 1979). An attribute by which the audience is defined differs of course.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import duckdb
import yaml

from cli import warehouse
from cli.generate import PROJECT

TABLES = (
    "customer_360",
    "customer_lifecycle",
    "customer_health",
    "customer_predictions",
    "preferences",
    "survey_eligibility",
)
# who somebody is says nothing about a group, and is nobody's business here
PERSONAL = frozenset(
    {
        "customer_id",
        "record_id",
        "full_name",
        "first_name",
        "last_name",
        "email",
        "phone",
        "street",
        "postal_code",
    }
    | {"birth_date", "company", "job_title"}
)
NUMBERS = ("INTEGER", "BIGINT", "HUGEINT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "DECIMAL")
WORDS = 20
Z = 1.959963984540054


@dataclass(frozen=True)
class Difference:
    """One comparison. `member` and `other` are medians, or shares where it is about one `value`; n counts known values."""

    attribute: str
    value: str | None
    effect: float
    ci_low: float
    ci_high: float
    member: float | None
    other: float | None
    n: int
    n_other: int
    z: float
    is_sure: bool = False


def min_sample() -> int:
    """The project's least sample, var `min_sample` of dbt_project.yml."""
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    return int(project["vars"]["min_sample"])


def differences(con: duckdb.DuckDBPyConnection, audience: str, least: int) -> list[dict[str, Any]]:
    """Comparisons with at least `least` known values on both sides, largest effect first."""
    found: list[Difference] = []
    seen: set[str] = set()
    for table in TABLES:
        if not warehouse.has_table(con, "marts", table):
            continue
        con.execute(
            f"""create or replace temp table compared as
            select rest.*, members.customer_id is not null as is_member
            from marts.{table} as rest
            left join (select customer_id from marts.audience_members where audience = ?) as members
                on rest.customer_id = members.customer_id""",
            [audience],
        )
        columns = con.execute(
            "select column_name, data_type from duckdb_columns() where table_name = 'compared'"
        ).fetchall()
        for column, kind in columns:
            if column not in PERSONAL | seen | {"is_member"}:
                seen.add(column)
                found += _column(con, table, column, kind)
    con.execute("drop table if exists compared")
    enough = [one for one in found if min(one.n, one.n_other) >= least]
    return [
        asdict(one)
        for one in sorted(_sure(enough), key=lambda one: (-abs(one.effect), one.attribute, one.value or ""))
    ]


def _column(con: duckdb.DuckDBPyConnection, table: str, column: str, kind: str) -> Iterator[Difference]:
    name = f"{table}.{column}"
    if kind.startswith(NUMBERS):
        yield from _ordered(con, name, f'cast("{column}" as double)')
    elif kind in ("TIMESTAMP", "DATE"):
        yield from _ordered(con, name, f'epoch(cast("{column}" as timestamp)) / 86400')
    elif kind == "BOOLEAN":
        yield from _shares(
            con, name, f"case when \"{column}\" then 'true' else 'false' end", column, only="true"
        )
    elif kind == "VARCHAR":
        yield from _shares(con, name, f'"{column}"', column)


def _ordered(con: duckdb.DuckDBPyConnection, name: str, value: str) -> Iterator[Difference]:
    """Values that have an order: who has the larger one, from counts per distinct value."""
    row = con.execute(
        f"""
        with counted as (
            select {value} as value, count(*) filter (is_member) as m, count(*) filter (not is_member) as r
            from compared where {value} is not null group by 1
        ),
        placed as (
            select
                m, r, sum(m) over () as members, sum(r) over () as rest,
                sum(r) over (order by value) - r / 2.0 as below, sum(m) over (order by value desc) - m / 2.0 as above
            from counted
        )
        select
            any_value(members), any_value(rest), sum(m * below), sum(m * below * below), sum(r * above * above)
        from placed
        """
    ).fetchone()
    if row is None or not row[0] or not row[1]:
        return
    members, rest = int(row[0]), int(row[1])
    larger = float(row[2]) / members / rest
    if members < 2 or rest < 2:
        return
    spread = max(float(row[3]) / members / rest**2 - larger**2, 0) * members / (members - 1) / members
    spread += max(float(row[4]) / rest / members**2 - larger**2, 0) * rest / (rest - 1) / rest
    low, high = larger - Z * math.sqrt(spread), larger + Z * math.sqrt(spread)
    if larger in (0, 1) or not spread:
        # every member above every other one: nothing varies, and yet the sample is finite
        low, high = _wilson(larger, min(members, rest))
    z = (larger - 0.5) / math.sqrt((members + rest + 1) / 12 / members / rest)
    medians = dict(con.execute(f"select is_member, median({value}) from compared group by 1").fetchall())
    shown = (None, None) if "epoch" in value else (medians.get(True), medians.get(False))
    yield Difference(
        name, None, 2 * larger - 1, 2 * max(low, 0) - 1, 2 * min(high, 1) - 1, *shown, members, rest, z
    )


def _shares(
    con: duckdb.DuckDBPyConnection, name: str, value: str, column: str, only: str | None = None
) -> Iterator[Difference]:
    """Words: the share of each, for the commonest ones."""
    rows = con.execute(
        f"""
        select
            {value} as value, count(*) filter (is_member) as m, count(*) filter (not is_member) as r,
            sum(count(*) filter (is_member)) over () as members, sum(count(*) filter (not is_member)) over () as rest
        from compared where "{column}" is not null group by 1
        order by count(*) desc, 1 limit {WORDS}
        """
    ).fetchall()
    for word, m, r, members, rest in rows:
        if members and rest and (only is None or word == only) and len(rows) > 1:
            yield _share(name, str(word), int(m), int(members), int(r), int(rest))


def _share(name: str, word: str, m: int, members: int, r: int, rest: int) -> Difference:
    ours, theirs = m / members, r / rest
    low, high = _wilson(ours, members)
    other_low, other_high = _wilson(theirs, rest)
    pooled = (m + r) / (members + rest)
    error = math.sqrt(pooled * (1 - pooled) * (1 / members + 1 / rest))
    return Difference(
        name,
        word,
        ours - theirs,
        ours - theirs - math.hypot(ours - low, other_high - theirs),
        ours - theirs + math.hypot(high - ours, theirs - other_low),
        ours,
        theirs,
        members,
        rest,
        (ours - theirs) / error if error else 0.0,
    )


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n."""
    middle, half = share + Z * Z / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max((middle - half) / (1 + Z * Z / n), 0), min((middle + half) / (1 + Z * Z / n), 1)


def _sure(found: list[Difference]) -> list[Difference]:
    """Holm's steps over all comparisons at 5 %."""
    ordered = sorted(found, key=lambda one: -abs(one.z))
    judged, goes_on = [], True
    for place, one in enumerate(ordered):
        p = 2 * NormalDist().cdf(-abs(one.z))
        goes_on = goes_on and p <= 0.05 / (len(ordered) - place)
        judged.append(Difference(**{**asdict(one), "is_sure": goes_on}))
    return judged
