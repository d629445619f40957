"""Csv -> rows: in one stream where every record is one; else with DuckDB's list of rejects, each at its own line."""

from pathlib import Path

import duckdb

from pipelines import delivered
from pipelines.delivered import MAX_LINE_BYTES, SHOWN_CHARACTERS
from pipelines.errors import CdpError
from pipelines.rows import NOTHING, Layout, line_as_kept, literal, quote
from pipelines.specs import FileRef, TableSpec

# A broken record of csv that spans more lines than this is taken for a quote that was never closed.
MAX_BROKEN_LINES = 10


def check_header(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec) -> None:
    """See that DuckDB skips what is read as the header, tried with one row below it: else rows would be taken for a part of it.

    Raises CdpError when it does not, as for `id,"Size" (cm)`.
    """
    names, delimiter = delivered.header(file, table)
    text = delivered.header_text(file, table)
    line_end = text[len(text.rstrip("\r\n")) :] or "\n"
    with delivered.temporary(con, "header") as path:
        path.write_text(
            text.rstrip("\r\n") + line_end + "x" + delimiter * (len(names) - 1) + line_end,
            newline="",
            encoding="utf-8",
        )
        columns = [f"c{number}" for number in range(len(names))]
        try:
            found = con.execute(f"select c0 from {_scanned(path, columns, delimiter)})").fetchall()
        except duckdb.InvalidInputException:
            found = []
    if found != [("x",)]:
        raise CdpError(
            f"{file.label}: the header in line 1 cannot be told from the rows: a quote inside a name, or never closed",
            hint='inside a quoted name a quote is doubled ("Size ""cm"""); deliver the file again',
        )


def plain(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, found: Layout) -> str:
    """SQL of the rows of a file without broken records, in their order."""
    header, delimiter = delivered.header(file, table)
    kept = ", ".join(quote(raw) for raw in found.names.values())
    scan = _read_csv(delivered.as_utf8(con, file, table), header, delimiter, found)
    return f"select {kept or NOTHING} from {scan})"


def careful(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, found: Layout) -> str:
    """SQL of the rows and broken records of a file that was scanned into temp tables, each with its position.

    Raises CdpError when a quote is opened and never closed.
    """
    header, delimiter = delivered.header(file, table)
    try:
        _scan(con, delivered.as_utf8(con, file, table), header, delimiter, found)
    except duckdb.InvalidInputException:
        # Line ends of two kinds in one file; DuckDB takes one kind.
        _scan(con, delivered.as_utf8(con, file, table, one_line_end=True), header, delimiter, found)
    _check_closed(con, file)
    kept = "".join(f"{quote(raw)}, " for raw in found.names.values())
    nulls = "null, " * len(found.names)
    # DuckDB numbers a rejected record within the file, a good one only among the good: the i-th reject at
    # record L stands before the n-th good record exactly when L - i <= n.
    return f"""
        select * from (with bad as (
            select line, any_value(ltrim(csv_line, chr(10))) as csv_line, min(lower(error_type::varchar)) as error_type
            from rejects group by line
        ),
        shifts as (
            select line - row_number() over (order by line) as from_n, row_number() over (order by line) as shift
            from bad
        ),
        steps as (select from_n, max(shift) as shift from shifts group by from_n)
        select {kept}n + 1 + coalesce(shift, 0) as _cdp_position, null::varchar as _cdp_error,
            null::varchar as _cdp_raw
        from good asof left join steps on n >= from_n
        union all
        select {nulls}line, 'broken csv line: ' || error_type, {line_as_kept(found, "coalesce(csv_line, '')")} from bad
        ) where _cdp_position > {table.header_rows}
    """


def _scan(
    con: duckdb.DuckDBPyConnection, path: Path, header: list[str], delimiter: str, found: Layout
) -> None:
    """Temp tables `good` (rows, numbered) and `rejects` (what is no row) of one csv."""
    con.execute("drop table if exists rejects; drop table if exists scans; drop table if exists good")
    con.execute(
        f"""create temp table good as select row_number() over () as n, * from {_read_csv(path, header, delimiter, found)},
            store_rejects = true, rejects_table = 'rejects', rejects_scan = 'scans', rejects_limit = 0)"""
    )


def _read_csv(path: Path, header: list[str], delimiter: str, found: Layout) -> str:
    """The call, open for more options. A column that is never read needs a name all the same."""
    return _scanned(
        path,
        [found.names.get(name, f"_cdp_unread_{number}") for number, name in enumerate(header)],
        delimiter,
    )


def _scanned(path: Path, named: list[str], delimiter: str) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in named)
    return f"""read_csv({literal(str(path))}, header = false, skip = 1, delim = {literal(delimiter)}, quote = '"',
        escape = '"', auto_detect = false, columns = {{{columns}}}, max_line_size = {MAX_LINE_BYTES}"""


def _check_closed(con: duckdb.DuckDBPyConnection, file: FileRef) -> None:
    """A quote that nobody closes swallows the rows after it, and DuckDB keeps only the start of their text."""
    found = con.execute(
        """select min(line) from rejects where error_type = 'UNQUOTED VALUE'
            and (length(csv_line) >= ? or length(csv_line) - length(replace(csv_line, chr(10), '')) > ?)""",
        [SHOWN_CHARACTERS, MAX_BROKEN_LINES],
    ).fetchall()[0]
    if found[0] is not None:
        raise CdpError(
            f"{file.label}: row {found[0]}: a quote is opened and not closed; the rows after it cannot be told apart",
            hint="close the quote (inside a quoted value it is doubled) and deliver the file again",
        )
