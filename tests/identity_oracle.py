"""Identity a second time, in plain Python and one link after the other: what the SQL must equal.

Knows nothing of SQL, rounds or increments: values over a limit link nobody, components that break a constraint get their links
back strongest first.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations


@dataclass(frozen=True)
class Person:
    """One contact record: identifier values by type, birth date as ISO text or ''."""

    key: str
    values: dict[str, str]
    born: str = ""


@dataclass
class Rules:
    """Order of types is priority; limits as in cdp.yml."""

    types: tuple[str, ...] = ("user_id", "email", "phone")
    max_profiles: dict[str, int] = field(default_factory=lambda: {"email": 20, "phone": 10})
    max_per_customer: dict[str, int] = field(default_factory=dict)
    max_cluster_size: int = 500


def contradict(one: str, other: str) -> bool:
    """Two birth dates that no slip of the keyboard explains."""
    if one.endswith("-01-01") or other.endswith("-01-01"):
        return one[:4] != other[:4]
    a, b = one.split("-"), other.split("-")
    swapped = a[0] == b[0] and a[1] == b[2] and a[2] == b[1]
    return sum(x != y for x, y in zip(a, b, strict=True)) >= 2 and not swapped


def clusters(people: list[Person], rules: Rules) -> set[frozenset[str]]:
    """The partition of the records."""
    holders: dict[tuple[str, str], list[Person]] = defaultdict(list)
    for person in people:
        for kind, value in person.values.items():
            holders[(kind, value)].append(person)
    links: dict[tuple[str, str], int] = {}
    for (kind, _), held in holders.items():
        if len(held) > rules.max_profiles.get(kind, len(held)):
            continue
        for one, other in combinations(sorted(person.key for person in held), 2):
            rank = rules.types.index(kind)
            links[(one, other)] = min(rank, links.get((one, other), rank))
    known = {person.key: person for person in people}
    out: set[frozenset[str]] = set()
    for component in components(set(known), list(links)):
        members = [known[key] for key in component]
        if not breaks(members, members, rules):
            out.add(frozenset(component))
            continue
        inside = [(rank, pair) for pair, rank in links.items() if pair[0] in component]
        out |= _add_back(members, inside, rules)
    return out


def breaks(together: list[Person], component: list[Person], rules: Rules) -> bool:
    """Would these records be no possible person? Birth dates are compared all with all."""
    if len(together) > rules.max_cluster_size:
        return True
    for kind, most in rules.max_per_customer.items():
        if len({person.values[kind] for person in together if kind in person.values}) > most:
            return True
    born = {person.born for person in together if person.born}
    return any(contradict(one, other) for one, other in combinations(sorted(born), 2))


def _add_back(
    members: list[Person], links: list[tuple[int, tuple[str, str]]], rules: Rules
) -> set[frozenset[str]]:
    group = {person.key: [person] for person in members}
    order = sorted(links, key=lambda link: (link[0], _mixed(link[1])))
    for _, (one, other) in order:
        if group[one] is not group[other] and not breaks(group[one] + group[other], members, rules):
            joined = group[one] + group[other]
            for person in joined:
                group[person.key] = joined
    return {frozenset(person.key for person in part) for part in group.values()}


def _mixed(pair: tuple[str, str]) -> str:
    return hashlib.md5("|".join(f"crm.contacts:{key}" for key in pair).encode()).hexdigest()


def components(keys: set[str], links: list[tuple[str, str]]) -> list[set[str]]:
    """Connected components of keys under links."""
    near: dict[str, set[str]] = defaultdict(set)
    for one, other in links:
        near[one].add(other)
        near[other].add(one)
    found, seen = [], set()
    for key in sorted(keys):
        if key in seen:
            continue
        part, open_ends = {key}, [key]
        while open_ends:
            for other in near[open_ends.pop()] - part:
                part.add(other)
                open_ends.append(other)
        seen |= part
        found.append(part)
    return found
