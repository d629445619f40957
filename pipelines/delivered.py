"""A delivered file as it lies there -> text that DuckDB can read: whole, UTF-8, one kind of line end.

DuckDB reads a gzip that was cut short as if it ended there, and stops at a file of mixed line ends or at one
line of JSON that is not UTF-8. So a gzip is read through once before its rows count, and what DuckDB cannot
take is copied (csv) or split into lines here (JSON lines), where every bad line is still a row of its own.
"""

import csv
import gzip
import os
import shutil
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa

from pipelines.errors import CdpError
from pipelines.specs import FileRef, TableSpec

MAX_LINE_BYTES = 16 * 1024 * 1024
SHOWN_CHARACTERS = 10_000
_BATCH_LINES = 50_000
_UTF8 = ("utf8", "utf8sig")
UNREADABLE = (duckdb.Error, OSError, UnicodeError, LookupError, EOFError, zlib.error, csv.Error)


def check_whole(file: FileRef) -> None:
    """Read a gzip to its end.

    Raises EOFError, OSError or zlib.error when it is cut short or damaged.
    """
    if file.path.name.endswith(".gz"):
        _read_through(file.path, file.size, file.mtime_ns)


@lru_cache(maxsize=4096)
def _read_through(path: Path, size: int, mtime_ns: int) -> None:
    with gzip.open(path, "rb") as handle:
        while handle.read(1 << 20):
            pass


def header(file: FileRef, table: TableSpec) -> tuple[list[str], str]:
    """Column names (unique, none empty) and the delimiter of a csv.

    Raises CdpError when there is no header line, or when it is not in the file's encoding.
    """
    with _open_text(file.path, table.encoding, newline="", errors="replace") as handle:
        first = handle.readline()
        if not first.strip("\r\n\ufeff \0"):
            more = bool(handle.read(1))
            raise CdpError(
                f"{file.label}: "
                + (
                    "line 1 is blank; the header must stand there"
                    if more
                    else "the file is empty, not even a header"
                ),
                hint="deliver the file again, with its column names in line 1",
            )
        delimiter = table.delimiter or max(",;\t|", key=first.count)
        handle.seek(0)
        names = next(csv.reader(handle, delimiter=delimiter))
    names = [name.replace("\0", "").strip().lstrip("\ufeff") for name in names]
    if any("\ufffd" in name for name in names):
        raise CdpError(
            f"{file.label}: line 1 is not text in {table.encoding or 'UTF-8'}",
            hint="declare the file's `encoding` in cdp.yml (utf-16, cp1252, ...), or deliver it as UTF-8",
        )
    return unique([name or f"column_{number}" for number, name in enumerate(names, start=1)]), delimiter


def unique(names: list[str]) -> list[str]:
    """The same names, a repeated one numbered (`a`, `a__2`) without taking the name of another."""
    taken = set(names)
    out: list[str] = []
    used: set[str] = set()
    for name in names:
        found, number = name, 1
        while found in used or (number > 1 and found in taken):
            number += 1
            found = f"{name}__{number}"
        used.add(found)
        out.append(found)
    return out


def as_utf8(
    con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, one_line_end: bool = False
) -> Path:
    """The file itself, or a copy in UTF-8 (and with line feeds only, when asked for).

    DuckDB needs an extension for other encodings, which is a download. The copy lies in DuckDB's own temporary
    folder, which is emptied when the load ends.
    """
    plain = table.encoding is None or table.encoding.lower().replace("-", "").replace("_", "") in _UTF8
    if plain and not one_line_end:
        return file.path
    row = con.execute("select current_setting('temp_directory')").fetchall()[0]
    target = Path(str(row[0])) / f"utf8-{os.getpid()}.txt"
    target.parent.mkdir(parents=True, exist_ok=True)
    # Bytes that are no characters stay what they are: DuckDB then rejects their line alone.
    keep = "surrogateescape" if plain else "strict"
    with (
        _open_text(file.path, table.encoding, newline=None if one_line_end else "", errors=keep) as source,
        target.open("w", encoding="utf-8", newline="", errors=keep) as out,
    ):
        shutil.copyfileobj(source, out, 1 << 20)
    return target


def read_lines(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec) -> None:
    """Temp table `lines` (n, line, problem, json_kind): every line that is not blank, numbered from 1."""
    path = as_utf8(con, file, table)
    con.execute("drop table if exists lines; drop table if exists numbered")
    try:
        # A csv of one column whose delimiter JSON text cannot hold: DuckDB's fastest way to numbered lines.
        con.execute(
            f"""create temp table numbered as
                select row_number() over () as n, line, null::varchar as problem from read_csv(?, header = false,
                delim = '\x01', quote = '', escape = '', auto_detect = false, columns = {{'line': 'VARCHAR'}},
                max_line_size = {MAX_LINE_BYTES})""",
            [str(path)],
        )
    except duckdb.InvalidInputException:
        _split_lines(con, path)
    con.execute(
        """create temp table lines as
            select n, line, problem, case when problem is null and json_valid(line) then json_type(line) end as json_kind
            from numbered where trim(line) <> ''"""
    )
    con.execute("drop table numbered")


def _split_lines(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    con.execute("create temp table numbered (n bigint, line varchar, problem varchar)")
    with _open(path) as handle:
        numbered = enumerate(_lines_of(handle), start=1)
        while some := [(n, *one) for n, one in islice(numbered, _BATCH_LINES)]:
            columns = [pa.array(values) for values in zip(*some, strict=True)]
            columns[2] = columns[2].cast(pa.string())
            con.register("split_lines", pa.table(columns, names=["n", "line", "problem"]))
            con.execute("insert into numbered from split_lines")
            con.unregister("split_lines")


def _lines_of(handle: IO[bytes]) -> Iterator[tuple[str, str | None]]:
    while line := handle.readline(MAX_LINE_BYTES + 1):
        problem = None
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := handle.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            line, problem = line[:SHOWN_CHARACTERS], f"longer than {MAX_LINE_BYTES >> 20} MiB"
        text = line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")
        try:
            yield text.decode("utf-8"), problem
        except UnicodeDecodeError:
            yield text.decode("utf-8", errors="replace"), problem or "invalid characters"


def _open(path: Path) -> IO[bytes]:
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    return opener(path, "rb")  # type: ignore[no-any-return]


def _open_text(path: Path, encoding: str | None, newline: str | None, errors: str) -> IO[str]:
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    return opener(path, "rt", encoding=encoding or "utf-8-sig", newline=newline, errors=errors)  # type: ignore[no-any-return]
