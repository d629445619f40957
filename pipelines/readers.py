"""Delivered files -> parquet files of text columns, each row with its file and position.

DuckDB reads (csv, csv.gz, jsonl, jsonl.gz, parquet); nothing is typed here, so no value can stop a load:
staging judges. A line that is no row (ragged, broken JSON, invalid characters) becomes a row with
`_cdp_error` and `_cdp_raw`, at its own position, and is counted like every other.

A file without such lines is read in one stream. DuckDB stops at the first line it cannot take; then the file is
read again with care, line by line where it must be. Both ways give the same rows.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines import csv_files, delivered, jsonl_files, lines, parquet_files, rows
from pipelines.delivered import MAX_LINE_BYTES
from pipelines.errors import CdpError
from pipelines.rows import (
    META,
    Layout,
    OtherNamesError,
    Stamp,
    Told,
    is_credential,
    literal,
    quote,
    raw_name,
    raw_names,
)
from pipelines.specs import FileRef, TableSpec

__all__ = [
    "META", "Layout", "OtherNamesError", "Stamp", "Told",
    "is_credential", "kind_of", "layout", "literal", "quote", "raw_name", "raw_names", "write",
]  # fmt: skip


def kind_of(path: Path) -> str:
    """`csv`, `jsonl` or `parquet`, by the file's name.

    Raises CdpError for any other ending.
    """
    name = path.name.removesuffix(".gz")
    for ending in ("csv", "jsonl", "parquet"):
        if name.endswith(f".{ending}"):
            return ending
    raise CdpError(
        f"{path.name}: cannot tell its format by its name",
        hint="name it .csv, .csv.gz, .jsonl, .jsonl.gz or .parquet",
    )


def layout(
    con: duckdb.DuckDBPyConnection,
    file: FileRef,
    table: TableSpec,
    known: Collection[str] = (),
    exact: bool = True,
) -> Layout:
    """The columns of one file; unless they must be `exact`, a large file of JSON lines may be sampled.

    Raises CdpError for an empty or unreadable file.
    """
    kind = kind_of(file.path)
    plain, sampled = True, False
    with _readable(file, kind):
        delivered.check_whole(file)
        if kind == "csv":
            names = delivered.header(file, table)[0]
            csv_files.check_header(con, file, table)
        elif kind == "jsonl":
            some = None if exact else jsonl_files.sample(file, table, known)
            sampled = some is not None
            names, plain = (some, True) if some is not None else jsonl_files.names_of(con, file, table)
        else:
            names = list(parquet_files.types_of(con, file))
    # No SQL text can hold a NUL, so a column named with one cannot be asked for.
    kept = [name for name in names if not is_credential(name) and "\0" not in name]
    left_out = tuple(name for name in names if name not in kept)
    mapped = {*table.columns, *table.optional, *table.key}
    return Layout(raw_names(kept, known, mapped), plain, sampled, left_out)


def write(
    con: duckdb.DuckDBPyConnection,
    file: FileRef,
    table: TableSpec,
    found: Layout,
    columns: Sequence[str],
    stamp: Stamp,
    target: Path,
    told: Told = lambda seen: None,
    hashed: bool = False,
) -> int:
    """Write every row of the file to a parquet file with the given columns (null where the file lacks one).

    `hashed`: with `_cdp_hash`, for rows that are compared before they are loaded.

    Returns the number of rows. Raises CdpError when the file cannot be read, OtherNamesError when its layout must be looked
    for again.
    """
    kind = kind_of(file.path)
    if kind == "parquet":
        relation = parquet_files.rows(con, file, found)
        return rows.write(con, relation, file, found, columns, stamp, target, told, hashed=hashed)
    if found.plain:
        try:
            counting = delivered.begin_fingerprint(file)
            count = _stream(con, file, table, found, columns, stamp, target, told, hashed)
            seen = counting.result()
            # A spool may have grown since it was looked at; DuckDB takes lines up to twice the size it is told.
            if kind == "csv" or (count == seen.lines and seen.longest < MAX_LINE_BYTES - 1):
                return count
        except rows.STOPPED as error:
            if isinstance(error, duckdb.OutOfMemoryException):
                raise
        if found.sampled:
            raise OtherNamesError(file.label)
    with _readable(file, kind):
        if kind == "jsonl":
            lines.read_lines(con, file, table)
            relation = jsonl_files.careful(found)
        else:
            relation = csv_files.careful(con, file, table, found)
    return rows.write(con, relation, file, found, columns, stamp, target, told, hashed=hashed)


def _stream(
    con: duckdb.DuckDBPyConnection,
    file: FileRef,
    table: TableSpec,
    found: Layout,
    columns: Sequence[str],
    stamp: Stamp,
    target: Path,
    told: Told,
    hashed: bool,
) -> int:
    if kind_of(file.path) == "csv":
        relation = csv_files.plain(con, file, table, found)
        # The header is line 1; what else stands above the rows is counted and left out.
        first, kept_from = 2, table.header_rows + 1
    else:
        relation = jsonl_files.watched(file, found) if found.sampled else jsonl_files.plain(file, found)
        first, kept_from = 1, 1
    return rows.write(con, relation, file, found, columns, stamp, target, told, first, kept_from, hashed)


@contextmanager
def _readable(file: FileRef, kind: str) -> Iterator[None]:
    try:
        yield
    except delivered.UNREADABLE as error:
        if isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise CdpError(
            f"{file.label}: cannot be read as {kind}: {_first_line(error)}",
            hint="deliver the file again, or declare its encoding and delimiter in cdp.yml",
        ) from error


def _first_line(error: BaseException) -> str:
    """The reason without the data: DuckDB appends the offending input to some messages."""
    text = str(error).strip().split("Input:")[0].splitlines()
    return text[0].strip()[:200] if text else type(error).__name__
