"""Checks of the `sources:` part of `cdp.yml`: options that fit their connector, columns that fit their entity."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from cli import presets
from cli.config import Company
from cli.config_sources import Source, Table
from cli.entities import entities
from cli.segment import with_tables
from cli.yaml_lines import Path as YamlPath

Problem = tuple[YamlPath, str]
SOURCE_OPTIONS = {
    "files": {"path"},
    "segment": {"path"},
    "sql": {"url", "database_schema"},
    "rest": {"base_url", "headers", "auth", "paginator"},
}
TABLE_OPTIONS = {
    "files": {"path", "header_rows"},
    "segment": {"path"},
    "sql": {"table", "incremental", "deletions"},
    "rest": {"endpoint", "include_from_parent", "incremental", "deletions"},
}
SECRETS = ("token", "password", "api_key", "client_secret", "access_token", "secret")


def source_problems(company: Company) -> Iterator[Problem]:
    """Every contradiction under `sources:`."""
    seen: set[str] = set()
    models: dict[str, str] = {}
    for index, declared in enumerate(company.file.sources):
        at: YamlPath = ("sources", index)
        if declared.name in seen:
            yield (*at, "name"), f"source `{declared.name}` is declared twice"
        seen.add(declared.name)
        if declared.preset and declared.preset not in presets.names():
            yield (
                (*at, "preset"),
                f"no preset `{declared.preset}`; {nearest(declared.preset, presets.names())}",
            )
            continue
        if declared.connector is None and declared.preset is None:
            yield at, f"source `{declared.name}` needs `connector: files|sql|rest|segment`, or a `preset`"
            continue
        if declared.connector == "segment" and declared.tables:
            yield (*at, "tables"), "a segment source has one table, which we know: leave `tables` out"
            continue
        source = with_tables(presets.expand(declared))
        yield from _connector(source, at)
        yield from _only(declared, at)
        yield from _tables(company, declared, source, at)
        yield from _model_names(source, at, models)


def _connector(source: Source, at: YamlPath) -> Iterator[Problem]:
    connector = source.connector or ""
    strange = set().union(*SOURCE_OPTIONS.values()) - SOURCE_OPTIONS[connector]
    for option in sorted(strange & _given(source)):
        name = "schema" if option == "database_schema" else option
        yield (*at, name), f"`{name}` says nothing to connector `{connector}`"
    if connector == "segment" and not source.path:
        yield at, f"segment source `{source.name}` needs `path: spool/...jsonl`"
    if connector == "sql":
        if not source.url:
            yield (
                at,
                f"sql source `{source.name}` needs `url`, as SQLAlchemy writes it: postgresql://... or sqlite:///...",
            )
        elif re.search(r"://[^/@]*:(?!\$\{)[^/@]+@", source.url):
            yield (*at, "url"), "the password stands in the file; write it as ${NAME} and export NAME"
    if connector == "rest":
        if not source.base_url:
            yield at, f"rest source `{source.name}` needs `base_url`"
        yield from _open_secrets(source.auth, (*at, "auth"))
        yield from _open_secrets(source.headers, (*at, "headers"))
    if not source.tables:
        yield at, f"source `{source.name}` has no tables"


def _given(part: Source | Table) -> set[str]:
    return {name for name in part.model_fields_set if getattr(part, name) not in (None, {}, [])}


def _open_secrets(value: Any, at: YamlPath) -> Iterator[Problem]:
    if not isinstance(value, dict):
        return
    for name, one in value.items():
        secret = name.lower() in SECRETS or name.lower() in ("authorization", "x-api-key")
        if secret and isinstance(one, str) and "${" not in one:
            yield (*at, name), "a secret stands in the file; write it as ${NAME} and export NAME"
        yield from _open_secrets(one, (*at, name))


def _only(declared: Source, at: YamlPath) -> Iterator[Problem]:
    if not declared.only:
        return
    known = [table.name for table in presets.preset(declared.preset).tables] if declared.preset else []
    for name in declared.only:
        if name not in known:
            yield (*at, "only"), f"the preset has no table `{name}`; {nearest(name, known)}"


def _tables(company: Company, declared: Source, source: Source, at: YamlPath) -> Iterator[Problem]:
    places = {table.name: (*at, "tables", number) for number, table in enumerate(declared.tables)}
    if len(places) < len(declared.tables):
        names = [table.name for table in declared.tables]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield (*at, "tables", number, "name"), f"table `{name}` is declared twice in `{source.name}`"
    for table in source.tables:
        where = places.get(table.name, at)
        yield from _table_options(source, table, where)
        yield from _entity(company, table, where)


def _table_options(source: Source, table: Table, at: YamlPath) -> Iterator[Problem]:
    connector = source.connector or ""
    strange = set().union(*TABLE_OPTIONS.values()) - TABLE_OPTIONS[connector]
    for option in sorted(strange & _given(table) - ({"deletions"} if table.deletions == "ignore" else set())):
        yield (*at, option), f"`{option}` says nothing to connector `{connector}`"
    if connector == "files" and not table.path:
        yield at, f"table `{table.name}` needs `path: ...csv|csv.gz|jsonl|jsonl.gz|parquet`"
    if connector == "rest" and not table.endpoint:
        yield at, f"table `{table.name}` needs `endpoint: {{path: ...}}`"
    if connector in ("sql", "rest") and not table.key:
        yield at, f"table `{table.name}` needs `key`: rows that are read again are known by it"
    if connector == "rest" and table.deletions == "compare" and table.incremental:
        yield (*at, "deletions"), "an incremental fetch does not see what is gone; leave `incremental` out"


def _entity(company: Company, table: Table, at: YamlPath) -> Iterator[Problem]:
    known = entities()
    if table.entity not in known:
        yield (*at, "entity"), f"no entity `{table.entity}`; {nearest(table.entity, list(known))}"
        return
    entity = known[table.entity]
    if entity.immutable:
        for option in ("deleted_at", "deletions"):
            if getattr(table, option) not in (None, "ignore"):
                yield (
                    (*at, option),
                    f"entity `{entity.name}` keeps the first delivery of a key, so nothing of it is deleted",
                )
    for column in (c for c in entity.columns.values() if c.required):
        if column.name not in table.columns and not table.questions:
            yield (*at, "columns"), f"entity `{entity.name}` cannot do without `{column.name}`; map it"
    for column_name in table.columns:
        if column_name not in entity.columns and column_name not in company.file.identity.identifiers:
            near = difflib.get_close_matches(column_name, entity.columns, n=1, cutoff=0.8)
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
                + nearest(question, list(company.file.cx.questions)),
            )


def _model_names(source: Source, at: YamlPath, seen: dict[str, str]) -> Iterator[Problem]:
    """`a` + `b__c` and `a__b` + `c` would both be the model `stg_a__b__c`."""
    for number, table in enumerate(source.tables):
        slug, told = f"{source.name}__{table.name}", f"{source.name}.{table.name}"
        if seen.setdefault(slug, told) != told:
            yield (
                (*at, "tables", number, "name"),
                f"`{told}` and `{seen[slug]}` would share the model stg_{slug}; rename one",
            )


def nearest(word: str, choices: list[str]) -> str:
    """What the writer may have meant."""
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(choices) or 'none'}"
