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
            "root": start,
            "links": [hop.told(links, len(nodes)) for hop in _tree(links, start)],
            "history": _history(con, owner),
        }
    other = customer_of(con, second)
    if other != owner:
        return {
            "customer_id": owner,
            "other_customer_id": other,
            "joined": False,
            "chain": [],
            "cut": _cut(con, nodes, _nodes(con, other)),
            "history": _history(con, owner, other),
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
        ),
        -- since when a record is there: as its source says, else since the build that met it first
        known as (
            select nodes.node_id, coalesce(
                contacts.created_at, appeared.occurred_at, (select min(occurred_at) from marts.customer_id_history)
            ) as known_at
            from identity.node_customers as nodes
            left join staging.stg_contacts as contacts on nodes.node_id = contacts.node_id
            left join (
                select node_id, min(occurred_at) as occurred_at from identity.node_owner_changes
                where old_customer_id is null group by node_id
            ) as appeared on nodes.node_id = appeared.node_id
            where nodes.node_id in (select unnest(?))
        ),
        decided as (select group_id, min(decided_at) as decided_at from identity.overrides group by group_id)
        select a.node_id, b.node_id, a.identifier_type, a.identifier_value,
            cast(coalesce(
                greatest(a.first_seen_at, b.first_seen_at), greatest(ours.known_at, theirs.known_at)
            ) as varchar) as appeared, a.priority
        from mine as a inner join mine as b on a.value_key = b.value_key and a.node_id <> b.node_id
        left join known as ours on a.node_id = ours.node_id
        left join known as theirs on b.node_id = theirs.node_id
        union all
        select ends.a, ends.b, 'override', cast(ends.override_id as varchar), cast(decided.decided_at as varchar), 0
        from (
            select record_key as a, other_key as b, override_id from identity.override_effects where effect = 'joined'
            union all
            select other_key, record_key, override_id from identity.override_effects where effect = 'joined'
        ) as ends
        left join decided on ends.override_id = decided.group_id
        where ends.a in (select unnest(?)) and ends.b in (select unnest(?))
        union all
        select ends.a, ends.b, 'fuzzy', ends.told, cast(greatest(ours.known_at, theirs.known_at) as varchar), 1000
        from (
            select record_a as a, record_b as b, told from probable
            union all
            select record_b, record_a, told from probable
        ) as ends
        left join known as ours on ends.a = ours.node_id
        left join known as theirs on ends.b = theirs.node_id
        where ends.a in (select unnest(?)) and ends.b in (select unnest(?))
        order by 6, 1, 2
        """,
        [nodes] * 6,
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


def _history(con: duckdb.DuckDBPyConnection, owner: str, other: str | None = None) -> list[dict[str, Any]]:
    """How a customer_id came to be what it is, or what happened between two: merged, split off, split, pinned; oldest first."""
    rows = con.execute(
        """
        with told as (
            select *, case when cause like 'split from %' then regexp_extract(cause, '^split from ([^:]+)', 1) end as former_id
            from marts.customer_id_history
            where event in ('merged', 'split', 'pinned') or cause like 'split from %'
        )
        select cast(occurred_at as varchar), event, coalesce(former_id, old_customer_id), new_customer_id,
            cause, link_value, record_a, record_b, run_id
        from told
        where case
            when $other is null then $owner in (old_customer_id, new_customer_id, former_id)
            else concat_ws(' ', old_customer_id, new_customer_id, former_id, cause) like '%' || $owner || '%'
                and concat_ws(' ', old_customer_id, new_customer_id, former_id, cause) like '%' || $other || '%'
        end
        order by event_seq
        """,
        {"owner": owner, "other": other},
    ).fetchall()
    names = ("at", "event", "old", "new", "cause", "value", "record_a", "record_b", "run_id")
    return [dict(zip(names, row, strict=True)) for row in rows]


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
