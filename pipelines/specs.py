"""What a load needs to know of `cdp.yml`, as plain frozen values (`pipelines` never imports `cli`)."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TableSpec:
    """One source table: `path` is a glob below the company's root, `columns` the mapped top-level names.

    A file must have `columns`; raw has `optional` too, empty where a file lacks them. `header_rows` are no rows of data.
    """

    name: str
    path: str
    columns: tuple[str, ...]
    encoding: str | None = None
    delimiter: str | None = None
    optional: tuple[str, ...] = ()
    header_rows: int = 1


@dataclass(frozen=True)
class SourceSpec:
    """One source; its raw schema is `raw_<name>`."""

    name: str
    tables: tuple[TableSpec, ...]

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


@dataclass(frozen=True)
class FileRef:
    """One delivered file as seen when it was listed."""

    path: Path
    label: str
    size: int
    mtime_ns: int


@dataclass
class TableLoad:
    """What one load did for one table."""

    files: list[str] = field(default_factory=list)
    received: int = 0
