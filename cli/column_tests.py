"""The simple data tests of all models, many in one statement: `not_null`, `unique`, `accepted_values` and their like.

dbt runs a statement and builds a context for each test, some 25 ms apart from the query; a project has hundreds. What they ask
is read off dbt's manifest, and each relation is read once for all tests that look at single rows. The answer is dbt's own: the
same names and numbers of failures (tests/integration/test_dbt.py asks both). Anything with a condition of its own, and every
other kind of test, is left to dbt.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

# The settings of a test that count rows as dbt does by default.
DEFAULTS = {"where": None, "limit": None, "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0"}
_REF = re.compile(r"^ref\('(\w+)'\)$")


@dataclass(frozen=True)
class ColumnTest:
    """One test: `measure` is an aggregate over its relation, or, for `alone`, a query that gives one number."""

    unique_id: str
    name: str
    severity: str
    relation: str
    measure: str
    alone: bool


def column_tests(manifest: Any) -> list[ColumnTest]:
    """The tests of a manifest that this module can answer."""
    relations = {node.name: node.relation_name for node in manifest.nodes.values() if _is_relation(node)}
    found = (_test(node, manifest, relations) for node in manifest.nodes.values() if _is_simple(node))
    return [one for one in found if one is not None]


def failures(
    con: duckdb.DuckDBPyConnection, tests: Sequence[ColumnTest]
) -> Iterator[tuple[ColumnTest, int | None, str]]:
    """Each test with its number of failures, or with None and why it could not run."""
    together: dict[str, list[ColumnTest]] = defaultdict(list)
    for test in tests:
        if test.alone:
            yield from _ask(con, [test], test.measure)
        else:
            together[test.relation].append(test)
    for relation, group in together.items():
        yield from _ask(con, group, f"select {', '.join(test.measure for test in group)} from {relation}")


def _ask(
    con: duckdb.DuckDBPyConnection, tests: Sequence[ColumnTest], query: str
) -> Iterator[tuple[ColumnTest, int | None, str]]:
    try:
        row = con.execute(query).fetchone()
    except duckdb.Error as error:
        if len(tests) > 1:
            for test in tests:
                yield from _ask(con, [test], f"select {test.measure} from {test.relation}")
            return
        # the first line names what is missing; the lines below it quote the query
        yield tests[0], None, str(error).splitlines()[0]
        return
    assert row is not None
    for test, found in zip(tests, row, strict=True):
        yield test, int(found), ""


def _is_relation(node: Any) -> bool:
    return str(node.resource_type) in ("model", "seed", "snapshot") and bool(node.relation_name)


def _is_simple(node: Any) -> bool:
    return (
        str(node.resource_type) == "test"
        and bool(getattr(node, "test_metadata", None))
        and "cases" not in node.tags
        and node.config.enabled
        and all(getattr(node.config, name) == value for name, value in DEFAULTS.items())
    )


def _test(node: Any, manifest: Any, relations: dict[str, str]) -> ColumnTest | None:
    attached = manifest.nodes.get(node.attached_node)
    if attached is None or not _is_relation(attached) or node.test_metadata.namespace:
        return None
    told = dict(node.test_metadata.kwargs)
    measure, alone = _measure(node.test_metadata.name, told, attached.relation_name, relations)
    if not measure:
        return None
    return ColumnTest(
        node.unique_id, node.name, str(node.config.severity).lower(), attached.relation_name, measure, alone
    )


def _measure(
    kind: str, told: dict[str, Any], relation: str, relations: dict[str, str]
) -> tuple[str | None, bool]:
    """The SQL of a kind of test; None for one that is not ours. As dbt, a count of rows that a test returns."""
    told.pop("model", None)
    column = told.pop("column_name", None)
    if kind == "not_null" and not told:
        return f"count(*) filter (where {column} is null)", False
    if kind == "accepted_values" and set(told) == {"values"}:
        values = ", ".join(_text(value) for value in told["values"])
        return f"count(distinct {column}) filter (where {column} not in ({values}))", False
    if kind == "accepted_range" and set(told) <= {"min_value", "max_value"}:
        bounds = [f"{column} < {told['min_value']}"] if told.get("min_value") is not None else []
        bounds += [f"{column} > {told['max_value']}"] if told.get("max_value") is not None else []
        return f"count(*) filter (where {' or '.join(bounds)})" if bounds else None, False
    if kind == "unique" and not told:
        return _groups(column, f"{relation} where {column} is not null"), True
    if kind == "unique_combination" and set(told) == {"columns"}:
        return _groups(", ".join(told["columns"]), relation), True
    if kind == "relationships" and set(told) == {"to", "field"}:
        parent = relations.get(match[1]) if (match := _REF.match(told["to"])) else None
        return (_orphans(column, relation, parent, told["field"]), True) if parent else (None, True)
    return None, False


def _groups(columns: str, source: str) -> str:
    return f"select count(*) from (select 1 from {source} group by {columns} having count(*) > 1)"


def _orphans(column: str, child: str, parent: str, field: str) -> str:
    return (
        f"select count(*) from {child} as child where child.{column} is not null"
        f" and not exists (select 1 from {parent} as parent where parent.{field} = child.{column})"
    )


def _text(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"
