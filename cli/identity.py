"""Why are two records one person? Chains of links between nodes, read from the warehouse."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import duckdb

from cli.errors import CdpError, UsageError

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


def find_nodes(con: duckdb.DuckDBPyConnection, who: str) -> list[str]:
    """Nodes of a person given as record_id, customer_id (also an absorbed one), or any identifier value.

    Raises UsageError when nobody is found; the value itself is not repeated in logs.
    """
    rows = con.execute(
        """
        with wanted as (select trim(?) as who),
        ids as (
            select customer_id from identity.node_customers, wanted where node_id = who or customer_id = who
            union
            select new_customer_id from marts.customer_redirects, wanted where old_customer_id = who
            union
            select owners.customer_id
            from identity.int_identity__identifiers as carried
            inner join identity.node_customers as owners on carried.node_id = owners.node_id
            cross join wanted
            where lower(carried.identifier_value) = lower(who)
        )
        select node_id from identity.node_customers where customer_id in (select customer_id from ids) order by 1
        """,
        [who],
    ).fetchall()
    if not rows:
        raise UsageError(
            f"nobody is known as `{who}`",
            hint="give an email, a phone with country code (+84...), a customer_id or a record_id (source.table:key)",
        )
    return [str(row[0]) for row in rows]


def explain(con: duckdb.DuckDBPyConnection, first: str, second: str | None = None) -> dict[str, Any]:
    """Why records are one person: every link of the first, or the shortest chain from the first to the second."""
    start, nodes = _start(con, first), find_nodes(con, first)
    if len(nodes) > NODE_LIMIT:
        raise CdpError(f"{first}: the person has {len(nodes)} nodes; explain shows at most {NODE_LIMIT}")
    links = _links(con, nodes)
    owner = _owner(con, nodes[0])
    if second is None:
        return {
            "customer_id": owner,
            "nodes": nodes,
            "links": [hop.told(links, len(nodes)) for hop in _tree(links, start or nodes[0])],
        }
    goal_nodes = find_nodes(con, second)
    if _owner(con, goal_nodes[0]) != owner:
        return {
            "customer_id": owner,
            "other_customer_id": _owner(con, goal_nodes[0]),
            "joined": False,
            "chain": [],
            "cut": _cut(con, nodes, goal_nodes),
        }
    chain = _shortest(links, start or nodes[0], _start(con, second) or goal_nodes[0])
    told = [hop.told(links, len(nodes)) for hop in chain]
    return {"customer_id": owner, "joined": True, "chain": told}


def _start(con: duckdb.DuckDBPyConnection, who: str) -> str | None:
    row = con.execute(
        """
        select node_id from identity.node_customers where node_id = trim(?)
        union all
        select min(node_id) from identity.int_identity__identifiers where lower(identifier_value) = lower(trim(?))
        """,
        [who, who],
    ).fetchone()
    return str(row[0]) if row and row[0] else None


def _owner(con: duckdb.DuckDBPyConnection, node: str) -> str:
    row = con.execute("select customer_id from identity.node_customers where node_id = ?", [node]).fetchone()
    assert row is not None
    return str(row[0])


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
