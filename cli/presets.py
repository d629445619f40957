"""Presets: the column mappings of exports and APIs that people really have (`pipelines/presets/<name>.yml`).

A preset is the tables of a source, written as in `cdp.yml`. A source that names one takes its tables; what the company writes
itself wins: `only` picks tables, and a table of the same name changes the options it names and adds its columns.
"""

import re
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from cli.config_sources import Endpoint, Part, Source, Table

FOLDER = Path(__file__).resolve().parent.parent / "pipelines" / "presets"


class Preset(Part):
    """One preset file. `verified`: tested on rows the vendor's tool gave; `published_schema`: written from its documentation."""

    title: str
    status: Literal["verified", "published_schema"]
    documentation: str
    fixture: str | None = None
    notes: str | None = None
    connector: Literal["files", "rest", "segment"] = "files"
    base_url: str | None = None
    paginator: str | dict[str, object] | None = None
    timezone: str = "UTC"
    tables: list[Table]


@cache
def names() -> list[str]:
    """Every preset there is."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


@cache
def preset(name: str) -> Preset:
    """One preset by name. Raises KeyError for a name there is not."""
    if name not in names():
        raise KeyError(name)
    return Preset.model_validate(yaml.safe_load(text(name)))


def text(name: str) -> str:
    """The preset's file, for people to read or to copy from."""
    return (FOLDER / f"{name}.yml").read_text(encoding="utf-8")


def prepared(name: str, table: str) -> str | None:
    """SQL that a preset reads a table through, where a mapping alone is not enough; `{source}` stands for the source's name."""
    path = FOLDER / name / f"prep_{table}.sql"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def reads(name: str, table: str) -> list[str]:
    """The raw columns that the preset's SQL for a table names in its `-- Reads:` line."""
    found = re.search(r"^-- Reads: (.+)$", prepared(name, table) or "", re.MULTILINE)
    return found[1].split(", ") if found else []


def table_of(source: Source, name: str) -> Table | None:
    """The table of a source as its preset says it; None for a table that the company wrote itself."""
    tables = preset(source.preset).tables if source.preset else []
    return next((table for table in tables if table.name == name), None)


def expand(source: Source) -> Source:
    """Fill in what the source's preset says; a source without one passes unchanged."""
    if source.preset is None:
        return source
    found = preset(source.preset)
    own = {table.name: table for table in source.tables}
    wanted = [table for table in found.tables if not source.only or table.name in source.only]
    tables = [_placed(source, _merged(table, own.pop(table.name, None))) for table in wanted]
    changes = {
        "connector": source.connector or found.connector,
        "base_url": source.base_url or found.base_url,
        "paginator": source.paginator or found.paginator,
        "timezone": source.timezone or found.timezone,
        "tables": [*tables, *own.values()],
    }
    return source.model_copy(update=changes)


def _merged(table: Table, own: Table | None) -> Table:
    if own is None:
        return table
    said = {field: getattr(own, field) for field in own.model_fields_set if field != "name"}
    said["columns"] = {**table.columns, **own.columns}
    return table.model_copy(update=said)


def _placed(source: Source, table: Table) -> Table:
    """A preset names files; the source says in which folder they lie. One that is fetched has none."""
    if source.connector in ("rest", "sql"):
        return table.model_copy(update={"path": None}) if _is_presets(source, table) else table
    endpoint: Endpoint | None = table.endpoint
    if endpoint is not None or table.path is None or not source.path or "/" in table.path:
        return table
    return table.model_copy(update={"path": f"{source.path.rstrip('/')}/{table.path}"})


def _is_presets(source: Source, table: Table) -> bool:
    """Is the table's path the preset's? One that the company wrote itself is an error for the checks to name."""
    said = table_of(source, table.name)
    return said is not None and said.path == table.path
