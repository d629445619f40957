"""Checks of `cdp.yml` that need two places of the file, each with the path it is about."""

import difflib
from collections.abc import Iterator

from cli.config import Company, Source, Table
from cli.entities import entities
from cli.yaml_lines import Path as YamlPath

Problem = tuple[YamlPath, str]


def problems(company: Company) -> Iterator[Problem]:
    """Every contradiction of the file; empty when it can be run."""
    if company.file.identity.fuzzy.enabled:
        yield (
            ("identity", "fuzzy", "enabled"),
            "fuzzy links are not built yet; set enabled: false (exact links by identifiers work)",
        )
    seen: set[str] = set()
    for index, source in enumerate(company.file.sources):
        if source.name in seen:
            yield ("sources", index, "name"), f"source `{source.name}` is declared twice"
        seen.add(source.name)
        yield from _source(company, source, ("sources", index))


def _source(company: Company, source: Source, at: YamlPath) -> Iterator[Problem]:
    if source.connector == "segment":
        if not source.path:
            yield at, f"segment source `{source.name}` needs `path: spool/...jsonl`"
        if source.tables:
            yield (*at, "tables"), "a segment source has one table, which we know: leave `tables` out"
        return
    if not source.tables:
        yield at, f"source `{source.name}` has no tables"
    names: set[str] = set()
    for index, table in enumerate(source.tables):
        where = (*at, "tables", index)
        if table.name in names:
            yield (*where, "name"), f"table `{table.name}` is declared twice in `{source.name}`"
        names.add(table.name)
        yield from _table(company, table, where)


def _table(company: Company, table: Table, at: YamlPath) -> Iterator[Problem]:
    known = entities()
    if table.entity not in known:
        yield (*at, "entity"), f"no entity `{table.entity}`; {_nearest(table.entity, list(known))}"
        return
    if not table.path:
        yield at, f"table `{table.name}` needs `path: ...csv|csv.gz|jsonl|jsonl.gz|parquet`"
    entity = known[table.entity]
    for column in (c for c in entity.columns.values() if c.required):
        if column.name not in table.columns and not table.questions:
            yield (*at, "columns"), f"entity `{entity.name}` cannot do without `{column.name}`; map it"
    for column_name in table.columns:
        if column_name not in entity.columns and column_name not in company.file.identity.identifiers:
            near = difflib.get_close_matches(column_name, entity.columns, n=1, cutoff=0.85)
            if near:
                yield (
                    (*at, "columns", column_name),
                    f"did you mean `{near[0]}`? (`{column_name}` is no column of `{entity.name}`)",
                )
    if table.questions and table.entity != "response":
        yield (*at, "questions"), "only entity `response` has questions"
    for question in table.questions:
        if question not in company.file.cx.questions:
            yield (
                (*at, "questions", question),
                f"question `{question}` has no definition under cx.questions; "
                + _nearest(question, list(company.file.cx.questions)),
            )


def _nearest(word: str, choices: list[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(choices) or 'none'}"
