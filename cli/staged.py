"""A source table as staging sees it: its columns with their SQL and checks, and what is asked of its mapping."""

from dataclasses import dataclass, field

from cli.config_sources import ColumnMap, Source, Table
from cli.entities import Entity
from cli.sql_text import jinja
from pipelines.rows import raw_name

# The moment each entity speaks of: first and last sight of an identifier are taken from it.
TIME_COLUMNS = {
    "contact": "created_at",
    "order": "ordered_at",
    "order_line": "ordered_at",
    "refund": "refunded_at",
    "event": "occurred_at",
    "ticket": "opened_at",
    "interaction": "occurred_at",
    "response": "responded_at",
    "invitation": "sent_at",
    "message": "occurred_at",
    "consent": "occurred_at",
    "deal": "created_at",
    "subscription": "started_at",
    "post": "posted_at",
    "stage_change": "changed_at",
    "assignment": "assigned_at",
}


@dataclass(frozen=True)
class StagedColumn:
    """One column of the staged table: its SQL over the raw row, and the check that can reject the row."""

    name: str
    kind: str
    sql_type: str
    expression: str
    delivered: str | None = None
    problem: str | None = None
    description: str = ""
    pii: bool = False
    identifier: str | None = None


@dataclass(frozen=True)
class StagedTable:
    """Everything the templates need to know of one source table."""

    source: Source
    table: Table
    entity: Entity
    columns: list[StagedColumn]
    attributes: list[StagedColumn]
    key: list[str]
    identifier_columns: list[StagedColumn] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """`<source>__<table>`."""
        return f"{self.source.name}__{self.table.name}"

    @property
    def attribute_pairs(self) -> str:
        """The attributes as Jinja pairs: name, SQL over the raw row."""
        return ", ".join(f"['{column.name}', '{jinja(column.expression)}']" for column in self.attributes)

    @property
    def unread_columns(self) -> dict[str, str]:
        """Columns kept besides, where one identifier has several source columns: the text of each that its normaliser refuses."""
        several = {one.identifier for one in self.identifier_columns if "__" in one.name}
        return {
            f"{one.name}_unread": f"case when {one.expression} is null then {one.delivered} end"
            for one in self.identifier_columns
            if one.identifier in several and one.kind in ("email", "phone")
        }

    @property
    def unread(self) -> list[tuple[str, str]]:
        """Identifier type and SQL over the staged row: what was delivered for it and is none; null where it is one, or empty."""
        kept = {f"{one.name}_unread": str(one.identifier) for one in self.identifier_columns}
        found = [(kept[name], name) for name in self.unread_columns]
        alone = [
            one
            for one in self.identifier_columns
            if one.kind in ("email", "phone") and f"{one.name}_unread" not in self.unread_columns
        ]
        return found + [
            (str(one.identifier), f"case when {one.name} is null then {one.name}_delivered end")
            for one in alone
        ]

    @property
    def is_long_survey(self) -> bool:
        """Is each row one answer, so that a score which cannot be rejects the row?"""
        return self.entity.name == "response" and {"question", "answer"} <= set(self.table.columns)

    @property
    def immutable(self) -> bool:
        """First delivery stands: immutable entities, and tables without a key."""
        return self.entity.immutable or not self.key


def is_json_lines(source: Source, table: Table) -> bool:
    """Do dots in source column names walk into nested objects?"""
    return source.connector in ("segment", "rest") or (table.path or "").removesuffix(".gz").endswith(
        ".jsonl"
    )


def is_csv(source: Source, table: Table) -> bool:
    """Are the table's numbers text that somebody's program or hand has formatted?"""
    path = (table.path or "").removesuffix(".gz")
    return source.connector == "files" and not path.endswith((".jsonl", ".parquet"))


def named_as_in_raw(source: Source) -> Source:
    """The source with every mapped column called as raw calls it: a line break or quote in a name is `_` there."""
    tables = [
        table.model_copy(
            update={
                "key": [_in_raw(source, table, name) for name in table.key],
                "updated_at": _in_raw(source, table, table.updated_at) if table.updated_at else None,
                "deleted_at": _in_raw(source, table, table.deleted_at) if table.deleted_at else None,
                "questions": {one: _in_raw(source, table, name) for one, name in table.questions.items()},
                "columns": {
                    name: _mapped_in_raw(source, table, spec) for name, spec in table.columns.items()
                },
            }
        )
        for table in source.tables
    ]
    return source.model_copy(update={"tables": tables})


def _mapped_in_raw(
    source: Source, table: Table, spec: str | list[str] | ColumnMap
) -> str | list[str] | ColumnMap:
    if isinstance(spec, ColumnMap):
        named = _in_raw(source, table, spec.column) if spec.column is not None else None
        return spec.model_copy(update={"column": named})
    if isinstance(spec, str):
        return _in_raw(source, table, spec)
    return [_in_raw(source, table, name) for name in spec]


def _in_raw(source: Source, table: Table, name: str) -> str:
    # Of a path into a JSON object only the first step is a column.
    top, dot, rest = name.partition(".") if is_json_lines(source, table) else (name, "", "")
    return raw_name(top) + dot + rest


def top_level(source: Source, table: Table) -> list[str]:
    """Raw columns a table's mapping needs, without nested paths."""
    names: list[str] = [
        *table.key,
        *(n for n in (table.updated_at, table.deleted_at) if n),
        *table.questions.values(),
    ]
    for spec in table.columns.values():
        if isinstance(spec, ColumnMap):
            names += [spec.column] if spec.column is not None else []
        else:
            names += [spec] if isinstance(spec, str) else spec
    if is_json_lines(source, table):
        names = [name.partition(".")[0] for name in names]
    return list(dict.fromkeys(names))
