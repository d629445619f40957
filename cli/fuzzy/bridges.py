"""Cutting weak bridges: a person's records must fit each other, not only their neighbour.

Connected components believe every link: two people of ten records each become one by a single wrong pair, though
ninety-nine other pairs speak against it. Here all pairs of a component are scored, also those below any
threshold, and records are grouped strongest first, as long as the evidence between two groups is for one person. The result is a
function of the component's records and the model file alone, so it does not matter when they came.
"""

from collections.abc import Sequence

import duckdb
import numpy as np

from cli.fuzzy.mixture import Floats
from cli.fuzzy.model import Model
from cli.fuzzy.prepare import PREPARED, prepare
from cli.fuzzy.score import predict, weighed_sql
from cli.fuzzy.scratch import SCHEMA, scratch

LIMIT = 12.0  # bits: one pair speaks no louder, for or against
AGREEMENT = 0.75  # groups join in order of sum / pairs ** this: between the sum (0) and the average (1) of their pairs
MARGIN = 2.5  # bits in favour that two groups need at least
LARGEST = 500  # records; above, no pair is scored again and links are cut by what is given


def cut_weak_bridges(
    con: duckdb.DuckDBPyConnection,
    records: str,
    links: str,
    model: Model,
    *,
    into: str,
    at: float,
    held: str | None = None,
) -> int:
    """Judge `links` (record_a, record_b) component by component; return how many are cut.

    `at`: the match weight from which on a pair is merged; two groups need as much evidence as two records.
    `held`: table (record_a, record_b) of links that stand whatever the scores say (exact identifiers, overrides).
    `into`: record_a, record_b, kept, cluster (smallest record of its group; for a cut link that of record_a).
    """
    with scratch(con):
        prepare(con, records)
        _load(con, links, f"{SCHEMA}.links")
        _load(con, held or f"(select record_a, record_b from {links} limit 0)", f"{SCHEMA}.held")
        groups = _components(con)
        _inner_pairs(con, groups)
        predicted = predict(con, model, 0.0, f"{SCHEMA}.inner_pairs")
        con.execute(f"create or replace table {SCHEMA}.inner_weights as {weighed_sql(model, predicted)}")
        clusters = _regroup(con, groups, max(at, MARGIN))
        return _write(con, clusters, into)


def _load(con: duckdb.DuckDBPyConnection, links: str, into: str) -> None:
    con.execute(f"""
        create or replace table {into} as
        select distinct least(a.row_id, b.row_id) as l, greatest(a.row_id, b.row_id) as r
        from {links} as x
        inner join {PREPARED} as a on x.record_a = a.record_id
        inner join {PREPARED} as b on x.record_b = b.record_id
        where a.row_id <> b.row_id
    """)


def _components(con: duckdb.DuckDBPyConnection) -> dict[int, list[int]]:
    """Components over all links: smallest row -> rows, ascending."""
    edges = con.execute(f"select l, r from {SCHEMA}.links union select l, r from {SCHEMA}.held").fetchall()
    return unite(edges)


def unite(edges: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Connected components: smallest member -> members, ascending."""
    parent: dict[int, int] = {}

    def root(x: int) -> int:
        parent.setdefault(x, x)
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, b in edges:
        one, other = sorted((root(a), root(b)))
        parent[other] = one
    groups: dict[int, list[int]] = {}
    for x in sorted(parent):
        groups.setdefault(root(x), []).append(x)
    return groups


def _inner_pairs(con: duckdb.DuckDBPyConnection, groups: dict[int, list[int]]) -> None:
    """All pairs inside components of three to `LARGEST` records: with two, the link itself has decided."""
    rows = [
        (name, row) for name, members in groups.items() if 3 <= len(members) <= LARGEST for row in members
    ]
    con.execute(f"create or replace table {SCHEMA}.inner_rows (component integer, row_id integer)")
    if rows:
        columns = [[name for name, _ in rows], [row for _, row in rows]]
        con.execute(
            f"insert into {SCHEMA}.inner_rows select unnest(?::integer[]), unnest(?::integer[])", columns
        )
    con.execute(f"""
        create or replace table {SCHEMA}.inner_pairs as
        select a.row_id as l, b.row_id as r from {SCHEMA}.inner_rows as a
        inner join {SCHEMA}.inner_rows as b on a.component = b.component and a.row_id < b.row_id
    """)


def _regroup(con: duckdb.DuckDBPyConnection, groups: dict[int, list[int]], margin: float) -> dict[int, int]:
    """Row -> smallest row of its cluster; only components in which a pair is in doubt are worked on."""
    clusters = {row: name for name, members in groups.items() for row in members}
    rows = con.execute(f"""
        select r.component, w.row_id_l, w.row_id_r, w.match_weight
        from {SCHEMA}.inner_weights as w inner join {SCHEMA}.inner_rows as r on w.row_id_l = r.row_id
        where r.component in (
            select q.component from {SCHEMA}.inner_weights as v
            inner join {SCHEMA}.inner_rows as q on v.row_id_l = q.row_id where v.match_weight < {margin}
        )
    """).fetchall()
    held = con.execute(f"select l, r from {SCHEMA}.held").fetchall()
    bound: dict[int, list[tuple[int, int]]] = {}
    for left, right in held:
        bound.setdefault(clusters[left], []).append((left, right))
    weights: dict[int, list[tuple[int, int, float]]] = {}
    for component, left, right, weight in rows:
        weights.setdefault(component, []).append((left, right, weight))
    for component, pairs in weights.items():
        members = groups[component]
        for group in agree(members, pairs, bound.get(component, []), margin):
            clusters.update(dict.fromkeys(group, group[0]))
    return clusters


def agree(
    members: Sequence[int],
    pairs: Sequence[tuple[int, int, float]],
    held: Sequence[tuple[int, int]] = (),
    margin: float = MARGIN,
) -> list[list[int]]:
    """Group members strongest first while the pairs between two groups speak for one person; ties go to the smallest members."""
    place = {row: i for i, row in enumerate(members)}
    size = len(members)
    between: Floats = np.full((size, size), -LIMIT)
    for left, right, weight in pairs:
        i, j = place[left], place[right]
        between[i, j] = between[j, i] = min(max(weight, -LIMIT), LIMIT)
    groups: list[list[int]] = [[row] for row in members]
    sizes = np.ones(size)
    for left, right in held:
        i, j = (next(g for g, group in enumerate(groups) if row in group) for row in (left, right))
        if i != j:
            _join(between, sizes, groups, min(i, j), max(i, j))
    np.fill_diagonal(between, -np.inf)
    while True:
        alive = sizes > 0
        pairs_between = np.outer(np.maximum(sizes, 1), np.maximum(sizes, 1))
        agreement = np.where(np.outer(alive, alive), between / pairs_between**AGREEMENT, -np.inf)
        best = int(np.argmax(agreement))
        i, j = sorted(divmod(best, size))
        if not agreement.flat[best] > margin:
            return [sorted(group) for group in groups if group]
        _join(between, sizes, groups, i, j)


def _join(between: Floats, sizes: Floats, groups: list[list[int]], i: int, j: int) -> None:
    """Put group j into group i; `between` holds sums of weights."""
    between[i, :] += between[j, :]
    between[:, i] += between[:, j]
    between[i, i] = -np.inf
    between[j, :] = -np.inf
    between[:, j] = -np.inf
    sizes[i] += sizes[j]
    sizes[j] = 0
    groups[i].extend(groups[j])
    groups[j] = []


def _write(con: duckdb.DuckDBPyConnection, clusters: dict[int, int], into: str) -> int:
    con.execute(f"create or replace table {SCHEMA}.clusters (row_id integer, cluster integer)")
    if clusters:
        con.execute(
            f"insert into {SCHEMA}.clusters select unnest(?::integer[]), unnest(?::integer[])",
            [list(clusters), list(clusters.values())],
        )
    con.execute(f"""
        -- Grain: one row per link given
        create or replace table {into} as
        select
            least(pa.record_id, pb.record_id) as record_a, greatest(pa.record_id, pb.record_id) as record_b,
            a.cluster = b.cluster as kept, pc.record_id as cluster,
        from {SCHEMA}.links as x
        inner join {SCHEMA}.clusters as a on x.l = a.row_id
        inner join {SCHEMA}.clusters as b on x.r = b.row_id
        inner join {PREPARED} as pa on x.l = pa.row_id
        inner join {PREPARED} as pb on x.r = pb.row_id
        inner join {PREPARED} as pc on a.cluster = pc.row_id
    """)
    row = con.execute(f"select count(*) from {into} where not kept").fetchone()
    return int(row[0]) if row else 0
