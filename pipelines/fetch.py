"""Databases and APIs: asked for what changed since the last complete load; what they gave is a file per table (`compare`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import cursors
from pipelines.specs import FileRef, LoadSpec, Progress, SourceSpec, TableSpec, silent


@dataclass(frozen=True)
class Fetched:
    """What the source gave for one table, in a file of its own; `keys` = every key it has, where deletions are compared."""

    file: FileRef
    cursor: str | None
    keys: Path | None = None


def fill_client(spec: LoadSpec, source: SourceSpec) -> dict[str, Any]:
    """The source's client with its secrets. Raises UsageError for a variable that is not set."""
    return {name: _filled(spec, value, f"{source.name}.{name}") for name, value in source.client.items()}


def _filled(spec: LoadSpec, value: Any, where: str) -> Any:
    if isinstance(value, str):
        return spec.fill(value, where)
    if isinstance(value, Mapping):
        return {name: _filled(spec, one, f"{where}.{name}") for name, one in value.items()}
    return value


def start_of(table: TableSpec, last: str | None) -> str | None:
    """Where an incremental fetch begins: the last cursor less the lag, or the declared first value."""
    if table.cursor is None:
        return None
    if last is not None:
        return cursors.moved_back(last, table.cursor.lag)
    return None if table.cursor.initial is None else str(table.cursor.initial)


def fetch_source(
    spec: LoadSpec, source: SourceSpec, last: Mapping[str, str], progress: Progress = silent
) -> dict[str, Fetched]:
    """Ask the source for what changed since the last cursors, table by table.

    Raises CdpError when it cannot be reached or answers with an error; nothing of it is loaded then.
    """
    client = fill_client(spec, source)
    starts = {table.name: start_of(table, last.get(table.name)) for table in source.tables}
    if source.connector == "sql":
        from pipelines.sql import fetch
    else:
        from pipelines.rest import fetch
    return fetch(spec, source, client, starts, progress)
