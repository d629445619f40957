"""What of a source is to be read now: the new files of its tables, or what its database or API gave, and their columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import compare, fetch, readers
from pipelines.errors import CdpError, PartialError, UsageError
from pipelines.history import ReadFiles, last_cursors, raw_columns, read_files
from pipelines.listing import list_files
from pipelines.scratch import scratch
from pipelines.specs import FileRef, LoadSpec, Progress, SourceSpec, TableSpec, silent

# (connection, file, the package's columns, stamp, target, told) -> rows written
Write = Callable[[duckdb.DuckDBPyConnection, FileRef, Sequence[str], readers.Stamp, Path, readers.Told], int]


@dataclass(frozen=True)
class NewTable:
    """What of a table is to be read now, its columns in raw, how a file of it is written, and the cursor a fetch reached.

    `added` are columns that raw did not have before this load, though it had the table.
    """

    spec: TableSpec
    files: list[FileRef]
    columns: list[str]
    write: Write
    cursor: str | None = None
    added: tuple[str, ...] = ()


def plan(
    spec: LoadSpec, source: SourceSpec, progress: Progress = silent, exact: bool = False
) -> list[NewTable]:
    """What is new in each table. Every table that cannot be read is named, not only the first.

    Raises UsageError when a mapped column never existed in its file, CdpError for what cannot be read.
    """
    return _fetched(spec, source, progress) if source.fetched else _files(spec, source, exact)


def _files(spec: LoadSpec, source: SourceSpec, exact: bool) -> list[NewTable]:
    with duckdb.connect(str(spec.warehouse)):  # opened once for both
        read, known = read_files(spec.warehouse, source), raw_columns(spec.warehouse, source)
    plans: list[NewTable] = []
    broken: list[CdpError] = []
    with scratch(spec) as con:
        for table in source.tables:
            try:
                new = _new_files(spec, source, table, read)
                plans.append(new_table(con, source, table, new, known.get(table.name, set()), exact))
            except UsageError:
                raise
            except CdpError as error:
                broken.append(error)
    if broken:
        raise PartialError("\n".join(str(error) for error in broken), hint=broken[0].hint)
    return plans


def _fetched(spec: LoadSpec, source: SourceSpec, progress: Progress) -> list[NewTable]:
    """Ask the source; what it gave and raw does not have yet is the delivery of each table."""
    known = raw_columns(spec.warehouse, source)
    answers = fetch.fetch_source(spec, source, last_cursors(spec.warehouse, source), progress)
    plans = []
    with scratch(spec) as con:
        for table in source.tables:
            answer = answers[table.name]
            had = known.get(table.name, set())
            if source.connector == "sql":
                found = set(readers.layout(con, answer.file, table, had).names.values())
                _check_mapped(source, table, answer.file, found, had)
            one = compare.deliver(con, spec, source, table, answer, had)
            # The first answer makes the table, were it empty: staging reads it.
            files = [one.file] if one.rows or not had else []
            added = _added(one.columns, had) if files else ()
            plans.append(NewTable(table, files, one.columns, compare.restamp, one.cursor, added))
    return plans


def _new_files(spec: LoadSpec, source: SourceSpec, table: TableSpec, read: ReadFiles) -> list[FileRef]:
    listed = list_files(spec.root, table.path)
    if not listed and not any(name == table.name for name, *_ in read.seen):
        raise CdpError(
            f"{source.name}.{table.name}: no file matches {table.path}",
            hint="put the delivery there, or correct `path` in cdp.yml",
        )
    return [file for file in listed if not read.has(table.name, file)]


def new_table(
    con: duckdb.DuckDBPyConnection,
    source: SourceSpec,
    table: TableSpec,
    new: list[FileRef],
    known: set[str],
    exact: bool,
    hashed: bool = False,
) -> NewTable:
    """The plan of new files of one table, whose rows are `hashed` where fetches are compared with them.

    Raises CdpError that names every file which cannot be read.
    """
    layouts = _layouts(con, source, table, new, known, exact)
    delivered = [column for layout in layouts.values() for column in layout.names.values()]
    # DuckDB compares names without regard to case: `email` after `Email` is the same column, spelled as before.
    spelled = {column.lower(): column for column in known}
    columns: dict[str, str] = {}
    first = table.columns if table.path.removesuffix(".gz").endswith(".jsonl") else ()
    for column in (*first, *delivered, *(table.optional if new else ())):
        columns.setdefault(column.lower(), spelled.get(column.lower(), column))

    def write(
        con: duckdb.DuckDBPyConnection,
        file: FileRef,
        columns: Sequence[str],
        stamp: readers.Stamp,
        target: Path,
        told: readers.Told,
    ) -> int:
        return readers.write(con, file, table, layouts[file], columns, stamp, target, told, hashed)

    return NewTable(table, new, list(columns.values()), write, added=_added(delivered, known))


def _layouts(
    con: duckdb.DuckDBPyConnection,
    source: SourceSpec,
    table: TableSpec,
    new: list[FileRef],
    known: set[str],
    exact: bool,
) -> dict[FileRef, readers.Layout]:
    """What each file holds. Raises CdpError that names every file which cannot be read."""
    broken: list[CdpError] = []
    layouts: dict[FileRef, readers.Layout] = {}
    # What one file names is known to the next, as if each had come in a load of its own.
    spelled = {column.lower(): column for column in known}
    for file in new:
        try:
            layouts[file] = readers.layout(con, file, table, set(spelled.values()), exact)
        except CdpError as error:
            broken.append(error)
            continue
        for column in layouts[file].names.values():
            spelled.setdefault(column.lower(), column)
        if readers.kind_of(file.path) != "jsonl":
            _check_mapped(source, table, file, set(layouts[file].names.values()), known)
    if broken:
        raise CdpError("\n".join(str(error) for error in broken), hint=broken[0].hint)
    return layouts


def _added(delivered: Iterable[str], known: set[str]) -> tuple[str, ...]:
    """Columns that a table which was there before did not have."""
    had = {column.lower() for column in known}
    found = {column.lower(): column for column in delivered if column.lower() not in had}
    return tuple(sorted(found.values())) if known else ()


def _check_mapped(
    source: SourceSpec, table: TableSpec, file: FileRef, found: set[str], known: set[str]
) -> None:
    has_lower, known_lower = {column.lower() for column in found}, {column.lower() for column in known}
    missing = [column for column in table.columns if column.lower() not in has_lower]
    if not missing:
        return
    names = ", ".join(f"`{column}`" for column in missing)
    if len(missing) == len(table.columns):
        # Then the first line may be somebody's row: its words are not repeated.
        has = f"its first line names none of the mapped columns ({len(found)} fields): is it a header?"
    else:
        has = "it has " + ", ".join(f"`{column}`" for column in sorted(found))
    message = f"{source.name}.{table.name}: {file.label} has no column {names}; {has}"
    if {column.lower() for column in missing} <= known_lower:
        raise CdpError(
            f"{message}; earlier deliveries had it",
            hint="ask the source why it vanished, or take it out of the mapping in cdp.yml",
        )
    raise UsageError(
        message, hint="correct the column under `columns`, `key`, `updated_at` or `questions` in cdp.yml"
    )
