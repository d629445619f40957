"""Checks of `cdp.yml` that need two places of the file, each with the path it is about."""

import difflib
from collections.abc import Iterator

from cli.config import DEFAULT_IDENTIFIERS, Company, Source, Table
from cli.entities import entities
from cli.yaml_lines import Path as YamlPath

Problem = tuple[YamlPath, str]
# Columns of generated staging that every row has.
OUR_COLUMNS = frozenset(
    {
        "load_id",
        "load_seq",
        "file",
        "position",
        "row_hash",
        "row_status",
        "row_reason",
        "row_text",
        "record_key",
    }
    | {
        "record_id",
        "updated_at",
        "is_deleted",
        "replayed_in",
        "attributes",
        "source",
        "source_table",
        "brand",
    }
    | {"phone_region", "node_id", "record_updated_at", "version_rank"}
)


def problems(company: Company) -> Iterator[Problem]:
    """Every contradiction of the file; empty when it can be run."""
    if company.file.identity.fuzzy.enabled:
        yield (
            ("identity", "fuzzy", "enabled"),
            "fuzzy links are not built yet; set enabled: false (exact links by identifiers work)",
        )
    if company.warehouse.resolve() == company.published.resolve():
        yield ("warehouse", "published"), "must be another file than `path`: publishing replaces it"
    yield from _identifiers(company)
    yield from _model_names(company)
    seen: set[str] = set()
    for index, source in enumerate(company.file.sources):
        if source.name in seen:
            yield ("sources", index, "name"), f"source `{source.name}` is declared twice"
        seen.add(source.name)
        yield from _source(company, source, ("sources", index))


def _identifiers(company: Company) -> Iterator[Problem]:
    added = [name for name in company.file.identity.identifiers if name not in DEFAULT_IDENTIFIERS]
    if not added:
        return
    import duckdb

    words = duckdb.sql(
        "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    ).fetchall()
    reserved = {row[0] for row in words} | OUR_COLUMNS
    for name in added:
        if name in reserved or "__" in name:
            yield (
                ("identity", "identifiers", name),
                f"`{name}` cannot name an identifier: it is a word of SQL, a column of ours, or holds `__`",
            )


def _model_names(company: Company) -> Iterator[Problem]:
    """`a` + `b__c` and `a__b` + `c` would both be the model `stg_a__b__c`."""
    seen: dict[str, str] = {}
    for index, source in enumerate(company.file.sources):
        for number, table in enumerate(source.tables):
            slug, told = f"{source.name}__{table.name}", f"{source.name}.{table.name}"
            if seen.setdefault(slug, told) != told:
                yield (
                    ("sources", index, "tables", number, "name"),
                    f"`{told}` and `{seen[slug]}` would share the model stg_{slug}; rename one",
                )


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
                + _nearest(question, list(company.file.cx.questions)),
            )


def _nearest(word: str, choices: list[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(choices) or 'none'}"
