"""A delivered file as it lies there -> text that DuckDB can read: whole, UTF-8, one kind of line end.

DuckDB reads a gzip that was cut short as if it ended there, and stops at a file of mixed line ends or at one
line of JSON that is not UTF-8. So a gzip is read through once before its rows count, and what DuckDB cannot
take is copied here, or split into lines (`lines`), where every bad line is still a row of its own.
"""

import csv
import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

import duckdb

from pipelines.errors import CdpError
from pipelines.specs import FileRef, TableSpec

MAX_LINE_BYTES = 16 * 1024 * 1024
SHOWN_CHARACTERS = 10_000
_BLOCK = 1 << 20
# One: DuckDB has the cores.
_BESIDE = ThreadPoolExecutor(1, "fingerprint")
_UTF8 = ("utf8", "utf8sig")
UNREADABLE = (duckdb.Error, OSError, UnicodeError, LookupError, EOFError, zlib.error, csv.Error)


@dataclass(frozen=True)
class Fingerprint:
    """SHA-256 of the file as it lies there; of its text the lines up to the last that is not blank, and the longest."""

    content_hash: str
    lines: int
    longest: int


def fingerprint(file: FileRef) -> Fingerprint:
    """Read the file through once; a second call for the same file is free.

    Raises EOFError, OSError or zlib.error when it is a gzip that is cut short or damaged.
    """
    return begin_fingerprint(file).result()


def begin_fingerprint(file: FileRef) -> Future[Fingerprint]:
    """Read the file through beside what else is done; `fingerprint` waits for the end."""
    return _begun(file.path, file.size, file.mtime_ns)


@lru_cache(maxsize=4096)
def _begun(path: Path, size: int, mtime_ns: int) -> Future[Fingerprint]:
    return _BESIDE.submit(_fingerprint, path, size, mtime_ns)


def _fingerprint(path: Path, size: int, mtime_ns: int) -> Fingerprint:
    content = hashlib.sha256()
    counted = _LineCount()
    zipped = path.name.endswith(".gz")
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            content.update(block)
            if not zipped:
                counted.add(block)
    if zipped:
        counted = _read_through(path, size, mtime_ns)
    return Fingerprint(content.hexdigest(), counted.lines, counted.longest)


class _LineCount:
    """Lines of a text that comes in blocks, and the bytes of the longest (one within a block is not long)."""

    def __init__(self) -> None:
        self.lines = 0
        self.longest = 0
        self._ended = 0
        self._open = 0

    def add(self, block: bytes) -> None:
        ended = block.count(b"\n")
        text = block.rstrip()
        if text:
            self.lines = self._ended + (ended if len(text) == len(block) else text.count(b"\n")) + 1
        self._ended += ended
        first = block.find(b"\n")
        self.longest = max(self.longest, self._open + (len(block) if first < 0 else first))
        self._open = self._open + len(block) if first < 0 else len(block) - block.rfind(b"\n") - 1


def check_whole(file: FileRef) -> None:
    """Read a gzip to its end.

    Raises EOFError, OSError or zlib.error when it is cut short or damaged.
    """
    if file.path.name.endswith(".gz"):
        _read_through(file.path, file.size, file.mtime_ns)


@lru_cache(maxsize=4096)
def _read_through(path: Path, size: int, mtime_ns: int) -> _LineCount:
    counted = _LineCount()
    with gzip.open(path, "rb") as handle:
        while block := handle.read(_BLOCK):
            counted.add(block)
    return counted


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


def header_text(file: FileRef, table: TableSpec) -> str:
    """The lines that the header of a csv takes, as they are: a quoted name may hold line breaks."""
    delimiter = header(file, table)[1]
    with _open_text(file.path, table.encoding, newline="", errors="replace") as handle:
        reader = csv.reader(handle, delimiter=delimiter)
        next(reader)
        lines = reader.line_num
        handle.seek(0)
        return "".join(islice(handle, lines))


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


def is_utf8(table: TableSpec) -> bool:
    """Can DuckDB read the table's files as they are?"""
    return table.encoding is None or table.encoding.lower().replace("-", "").replace("_", "") in _UTF8


def as_utf8(
    con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, one_line_end: bool = False
) -> Path:
    """The file itself, or a copy in UTF-8 (and with line feeds only, when asked for).

    DuckDB needs an extension for other encodings, which is a download. The copy lies in DuckDB's own temporary
    folder, which is emptied when the load ends.
    """
    plain = is_utf8(table)
    if plain and not one_line_end:
        return file.path
    target = _temporary(con, "utf8")
    # Bytes that are no characters stay what they are: DuckDB then rejects their line alone.
    keep = "surrogateescape" if plain else "strict"
    with (
        _open_text(file.path, table.encoding, newline=None if one_line_end else "", errors=keep) as source,
        target.open("w", encoding="utf-8", newline="", errors=keep) as out,
    ):
        shutil.copyfileobj(source, out, 1 << 20)
    return target


@contextmanager
def temporary(con: duckdb.DuckDBPyConnection, name: str) -> Iterator[Path]:
    """A path for a small file, which is gone afterwards."""
    path = _temporary(con, name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _temporary(con: duckdb.DuckDBPyConnection, name: str) -> Path:
    row = con.execute("select current_setting('temp_directory')").fetchall()[0]
    path = Path(str(row[0])) / f"{name}-{os.getpid()}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def open_bytes(path: Path) -> IO[bytes]:
    """The file, unzipped."""
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    return opener(path, "rb")  # type: ignore[no-any-return]


def _open_text(path: Path, encoding: str | None, newline: str | None, errors: str) -> IO[str]:
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    return opener(path, "rt", encoding=encoding or "utf-8-sig", newline=newline, errors=errors)  # type: ignore[no-any-return]
