"""The `survivorship:` part of `cdp.yml`: which record speaks for a field of the golden record, and its model.

A *unit* is what is decided at once: a single field, or a group of fields that are always of one record (a name, an address,
and groups the company declares). Every source has a place, also where no list names it: ties need an order.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from cli.config_sources import Part
from cli.config_values import Name

Strategy = Literal["most_recent", "most_frequent", "most_complete", "source_priority"]
Problem = tuple[tuple[str | int, ...], str]

# Contact points are given to people one by one (docs/golden_record.md), so they stay single.
POINTS = ("email", "phone")
FIXED_GROUPS = {
    "name": ("first_name", "last_name", "full_name"),
    "address": ("street", "city", "region", "postal_code", "country"),
}
SINGLE = ("birth_date", "gender", "company", "job_title", "language")
TAKEN = ("customer_id", "fields")  # other columns of a profile as of a moment
SURVIVORSHIP_COLUMNS = (
    ("field", "string"),
    ("source", "string"),
    ("strategy", "string"),
    ("place", "int"),
)


class Rule(Part):
    """How one field or group is decided; `sources` is the order of preference, the best first."""

    strategy: Strategy | None = None
    sources: list[Name] = []


class Survivorship(Part):
    """How the golden record is decided: for all fields, and for single fields or groups where they differ."""

    strategy: Strategy = "most_recent"
    sources: list[Name] = []
    groups: dict[Name, list[str]] = {}
    attributes: list[Name] = []
    """Extra columns of contacts (mapped under a name of the company's own) that are decided like a field."""
    fields: dict[Name, Rule] = Field({}, description="rule per field or group")

    def units(self) -> list[str]:
        """Names of all fields and groups that are decided, fixed ones first."""
        grouped = {field for fields in self.groups.values() for field in fields}
        return [
            *POINTS,
            *FIXED_GROUPS,
            *self.groups,
            *(field for field in SINGLE if field not in grouped),
            *self.attributes,
        ]


def problems(
    part: Survivorship, sources: Sequence[str], attributes: Collection[str] = ()
) -> Iterator[Problem]:
    """Every contradiction of the part, each with the path it is about; `attributes`: what contact tables map beside ours."""
    yield from _group_problems(part)
    yield from _attribute_problems(part, attributes)
    known = part.units()
    for name, rule in part.fields.items():
        if name not in known:
            yield ("survivorship", "fields", name), f"no such field or group; there are: {', '.join(known)}"
        if (rule.strategy or part.strategy) == "source_priority" and not (rule.sources or part.sources):
            yield ("survivorship", "fields", name), "source_priority needs `sources`, the best first"
    if part.strategy == "source_priority" and not part.sources:
        yield ("survivorship", "strategy"), "source_priority needs `sources`, the best first"
    lists: dict[tuple[str | int, ...], list[str]] = {("survivorship", "sources"): part.sources}
    lists |= {("survivorship", "fields", name, "sources"): rule.sources for name, rule in part.fields.items()}
    for path, named in lists.items():
        for place, source in enumerate(named):
            if source not in sources:
                yield (*path, place), f"no source `{source}`; there are: {', '.join(sources)}"
            elif source in named[:place]:
                yield (*path, place), f"`{source}` is listed twice"


def _attribute_problems(part: Survivorship, attributes: Collection[str]) -> Iterator[Problem]:
    taken = {*POINTS, *FIXED_GROUPS, *SINGLE, *part.groups, *TAKEN}
    for place, name in enumerate(part.attributes):
        path = ("survivorship", "attributes", place)
        if name in taken:
            yield path, f"`{name}` is a field or group of its own; take another name"
        elif name in part.attributes[:place]:
            yield path, f"`{name}` is listed twice"
        elif name not in attributes:
            told = ", ".join(sorted(attributes)) or "none"
            yield path, f"no contact table maps an extra column `{name}`; there are: {told}"


def _group_problems(part: Survivorship) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, fields in part.groups.items():
        path = ("survivorship", "groups", name)
        if name in (*POINTS, *FIXED_GROUPS, *SINGLE):
            yield path, f"`{name}` is a field or group of its own; take another name"
        if len(fields) < 2:
            yield path, "a group has two fields or more"
        for place, field in enumerate(fields):
            if field not in SINGLE:
                yield (*path, place), f"`{field}` cannot be grouped; these can: {', '.join(SINGLE)}"
            elif field in taken:
                yield (*path, place), f"`{field}` is in group `{taken[field]}` already"
            taken[field] = name


def survivorship_rows(part: Survivorship, sources: Sequence[str]) -> list[tuple[str, str, str, int]]:
    """Field or group, source, strategy, place (1 is the best): unnamed sources follow in the order of cdp.yml."""
    rows: list[tuple[str, str, str, int]] = []
    for unit in part.units():
        rule = part.fields.get(unit, Rule())
        named = rule.sources or part.sources
        order = [*named, *(source for source in sources if source not in named)]
        strategy = rule.strategy or part.strategy
        rows += [(unit, source, strategy, place) for place, source in enumerate(order, start=1)]
    return rows


def declared_groups(groups: Mapping[str, Sequence[str]]) -> str:
    """The company's groups as the models read them: `work=company,job_title;...`."""
    return ";".join(f"{name}={','.join(fields)}" for name, fields in groups.items())
