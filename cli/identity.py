"""Why are two records one person? Chains of links between nodes, read from the warehouse."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import duckdb

from cli.errors import CdpError
from cli.identity_records import customer_of, first_record

NODE_LIMIT = 5000


@dataclass(frozen=True)
class Hop:
    """One step of a chain: two nodes that carry the same value."""

    start: str
    end: str
    identifier: str
    value: str
    first_seen_at: str | None

    def told(self, links: dict[str, list["Hop"]], nodes: int) -> dict[str, Any]:
        """The hop as plain values, with what removing it would do: `parts` is None while other links still join its ends."""
        return self.__dict__ | {"parts": _parts(links, self, nodes)}


def _nodes(con: duckdb.DuckDBPyConnection, customer: str) -> list[str]:
    rows = con.execute(
        "select node_id from identity.node_customers where customer_id = ? order by 1", [customer]
    ).fetchall()
    if len(rows) > NODE_LIMIT:
        raise CdpError(
            f"{customer} has {len(rows)} nodes; explain shows at most {NODE_LIMIT}",
            hint="ask why two of its records are one: cdp identity explain RECORD RECORD",
        )
    return [str(row[0]) for row in rows]


def explain(con: duckdb.DuckDBPyConnection, first: str, second: str | None = None) -> dict[str, Any]:
    """Why records are one person: every link of the first, or the shortest chain from the first to the second.

    Raises UsageError for a word that means nobody or several people, CdpError for somebody with too many nodes to show.
    """
    owner = customer_of(con, first)
    nodes = _nodes(con, owner)
    links, start = _links(con, nodes), first_record(con, first, owner)
    if second is None:
        return {
            "customer_id": owner,
            "nodes": nodes,
            "links": [hop.told(links, len(nodes)) for hop in _tree(links, start)],
        }
    other = customer_of(con, second)
    if other != owner:
        return {
            "customer_id": owner,
            "other_customer_id": other,
            "joined": False,
            "chain": [],
            "cut": _cut(con, nodes, _nodes(con, other)),
        }
    chain = _shortest(links, start, first_record(con, second, owner))
    told = [hop.told(links, len(nodes)) for hop in chain]
    return {"customer_id": owner, "joined": True, "chain": told}


def _links(con: duckdb.DuckDBPyConnection, nodes: list[str]) -> dict[str, list[Hop]]:
    rows = con.execute(
        """
        with mine as (
            select * from identity.int_identity__linking where node_id in (select unnest(?))
        ),
        probable as (
            select links.record_a, links.record_b,
                printf('%.3f', links.match_probability) || ': ' || array_to_string(list_transform(
                    list_filter(map_entries(links.weights), lambda one: abs(one.value) >= 0.05),
                    lambda one: one.key || ' ' || printf('%+.1f', one.value)
                ), ', ') as told
            from identity.int_identity__fuzzy_kept as links
        )
        select a.node_id, b.node_id, a.identifier_type, a.identifier_value,
            cast(greatest(a.first_seen_at, b.first_seen_at) as varchar) as appeared, a.priority
        from mine as a inner join mine as b on a.value_key = b.value_key and a.node_id <> b.node_id
        union all
        select ends.a, ends.b, 'override', cast(ends.override_id as varchar), null, 0
        from (
            select record_key as a, other_key as b, override_id from identity.override_effects where effect = 'joined'
            union all
            select other_key, record_key, override_id from identity.override_effects where effect = 'joined'
        ) as ends
        where ends.a in (select unnest(?)) and ends.b in (select unnest(?))
        union all
        select ends.a, ends.b, 'fuzzy', ends.told, null, 1000
        from (
            select record_a as a, record_b as b, told from probable
            union all
            select record_b, record_a, told from probable
        ) as ends
        where ends.a in (select unnest(?)) and ends.b in (select unnest(?))
        order by 6, 1, 2
        """,
        [nodes] * 5,
    ).fetchall()
    links: dict[str, list[Hop]] = {}
    for start, end, kind, value, seen, _ in rows:
        links.setdefault(start, []).append(Hop(start, end, kind, value, seen))
    return links


def _cut(con: duckdb.DuckDBPyConnection, ours: list[str], theirs: list[str]) -> list[dict[str, Any]]:
    """Links between two customers that a constraint stood against."""
    rows = con.execute(
        """
        select node_a, node_b, kind, reason from identity.skipped_links
        where (node_a in (select unnest(?)) and node_b in (select unnest(?)))
            or (node_b in (select unnest(?)) and node_a in (select unnest(?)))
        order by all limit 20
        """,
        [ours, theirs, ours, theirs],
    ).fetchall()
    return [dict(zip(("start", "end", "link", "reason"), row, strict=True)) for row in rows]


def _parts(links: dict[str, list[Hop]], removed: Hop, nodes: int) -> list[int] | None:
    """Sizes of the two parts the person falls into without this hop; None while other links still join its ends."""
    seen, open_ends = {removed.start}, [removed.start]
    while open_ends:
        here = open_ends.pop()
        for hop in links.get(here, []):
            same = {hop.start, hop.end} == {removed.start, removed.end}
            if same and (hop.identifier, hop.value) == (removed.identifier, removed.value):
                continue
            if hop.end == removed.end:
                return None
            if hop.end not in seen:
                seen.add(hop.end)
                open_ends.append(hop.end)
    return [len(seen), nodes - len(seen)]


def _tree(links: dict[str, list[Hop]], start: str) -> list[Hop]:
    seen, queue, tree = {start}, deque([start]), []
    while queue:
        for hop in links.get(queue.popleft(), []):
            if hop.end not in seen:
                seen.add(hop.end)
                tree.append(hop)
                queue.append(hop.end)
    return tree


def _shortest(links: dict[str, list[Hop]], start: str, goal: str) -> list[Hop]:
    came: dict[str, Hop] = {hop.end: hop for hop in _tree(links, start)}
    chain: list[Hop] = []
    while goal != start and goal in came:
        chain.append(came[goal])
        goal = came[goal].start
    return chain[::-1]
