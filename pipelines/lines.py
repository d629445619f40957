"""A text of JSON lines -> numbered lines, each with what is wrong with it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

import duckdb
import pyarrow as pa

from pipelines.delivered import MAX_LINE_BYTES, SHOWN_CHARACTERS, as_utf8, open_bytes
from pipelines.specs import FileRef, TableSpec

_BATCH_LINES = 50_000
# What JSON readers take for blank, and so what may stand around an object.
_BLANK = "chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"


def read_lines(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec) -> None:
    """Temp table `lines` (n, line, its text, problem, json_kind): what is not blank, numbered from 1."""
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
        f"""create temp table lines as
            select n, line, text, problem, case when problem is null and json_valid(text) then json_type(text) end as json_kind
            from (select *, trim(line, {_BLANK}) as text from numbered) where text <> ''"""
    )
    con.execute("drop table numbered")


def _split_lines(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    con.execute("create temp table numbered (n bigint, line varchar, problem varchar)")
    with open_bytes(path) as handle:
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
