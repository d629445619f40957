"""What a load needs to know of `cdp.yml`, as plain frozen values (`pipelines` never imports `cli`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cursor:
    """What grows with every change of a row: `lag` is taken off the last value, for rows that were committed late."""

    path: str
    initial: str | int | None = None
    lag: int = 0
    start_param: str | None = None


@dataclass(frozen=True)
class TableSpec:
    """One source table: `path` is a glob below the company's root, `columns` the mapped top-level names.

    A fetched table has no path: `table` names it in its database, or `endpoint` in its API; `compares` = rows that the
    source no longer has count as deleted.
    A file must have `columns`; raw has `optional` too, empty where a file lacks them. `header_rows` are no rows of data.
    """

    name: str
    path: str
    columns: tuple[str, ...]
    encoding: str | None = None
    delimiter: str | None = None
    key: tuple[str, ...] = ()
    table: str | None = None
    endpoint: Mapping[str, Any] | None = None
    include_from_parent: tuple[str, ...] = ()
    cursor: Cursor | None = None
    compares: bool = False
    optional: tuple[str, ...] = ()
    header_rows: int = 1


@dataclass(frozen=True)
class SourceSpec:
    """One source; its raw schema is `raw_<name>`."""

    name: str
    tables: tuple[TableSpec, ...]
    connector: str = "files"
    # How to reach a database or an API; secrets in it are still references.
    client: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fetched(self) -> bool:
        """Is it asked for its rows, rather than read from a folder?"""
        return self.connector in ("sql", "rest")

    @property
    def schema(self) -> str:
        """Raw schema of the source."""
        return f"raw_{self.name}"


@dataclass(frozen=True)
class LoadSpec:
    """Where a load reads, writes and keeps its working files (all absolute)."""

    root: Path
    warehouse: Path
    state: Path
    temp: Path
    memory_limit: str
    temp_limit: str
    # (text, where it stands) -> the text with its `${NAME}` filled in
    fill: Callable[[str, str], str] = lambda text, where: text


@dataclass(frozen=True)
class FileRef:
    """One delivered file as seen when it was listed."""

    path: Path
    label: str
    size: int
    mtime_ns: int


# (source, table, file or query, rows of it read so far); called many times a second
Progress = Callable[[str, str, str, int], None]


def silent(source: str, table: str, label: str, rows: int) -> None:
    """Progress that nobody watches."""
