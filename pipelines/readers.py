"""Delivered files -> parquet files of text columns, each row with its file, position and hash.

DuckDB reads (csv, csv.gz, jsonl, jsonl.gz, parquet); nothing is typed here, so no value can stop a load:
staging judges. A line that is no row (ragged, broken JSON, invalid characters) becomes a row with
`_cdp_error` and `_cdp_raw`, at its own position, and is counted like every other.

A file without such lines is read in one stream. DuckDB stops at the first line it cannot take; then the file is
read again with care, line by line where it must be. Both ways give the same rows and hashes.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipelines import delivered
from pipelines.delivered import MAX_LINE_BYTES, SHOWN_CHARACTERS
from pipelines.errors import CdpError
from pipelines.specs import FileRef, TableSpec

BATCH_ROWS = 100_000
# Not DuckDB's own 122,880: batches of exactly its row group are written twice, at insert and at checkpoint.
ROW_GROUP = 100_000
# A dictionary of strings that grows beyond this many bytes is not worth its hashing.
DICTIONARY = 100_000
# A broken record of csv that spans more lines than this is taken for a quote that was never closed.
MAX_BROKEN_LINES = 10
# Never read, whatever the mapping says: a password has no business in a warehouse.
CREDENTIAL = re.compile(
    r"(^|[_\W])(password|passwd|pwd|secret|api_?key|access_?token|auth_?token)($|[_\W])", re.I
)
# What is selected of rows whose every column is left out: they count all the same.
NOTHING = "null::varchar as _cdp_nothing"
OURS = ("_cdp_", "_dlt_")
META = ("_cdp_load_seq", "_cdp_file", "_cdp_position", "_cdp_hash", "_cdp_error", "_cdp_raw")
# What a stream may fail with when DuckDB meets a line it cannot take.
_STOPPED = (duckdb.Error, pa.ArrowException, RuntimeError)


@dataclass(frozen=True)
class Layout:
    """A file's delivered columns: name in the file -> name in raw (case twins and our own prefixes moved away).

    `plain` says that every line seen is a row, so that the file can be read in one stream.
    """

    names: dict[str, str]
    plain: bool = True


@dataclass(frozen=True)
class Stamp:
    """What every row of a load carries: our number of the load, and dlt's."""

    load_seq: int
    load_id: str


def quote(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


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


def raw_names(delivered: Iterable[str], known: Collection[str] = ()) -> dict[str, str]:
    """Delivered name -> raw column name, unique without regard to case (as DuckDB compares names).

    Among names that differ by case only, the one that raw already has (`known`) keeps its column.
    """
    taken: set[str] = {name.lower() for name in META}
    spelled = {name.lower(): name for name in known}
    names: dict[str, str] = {}
    for name in sorted(delivered, key=lambda one: one not in known):
        wanted = f"x{name}" if name.lower().startswith(OURS) else name or "x"
        unique, number = wanted, 1
        while unique.lower() in taken:
            number += 1
            unique = f"{wanted}__{number}"
        taken.add(unique.lower())
        names[name] = spelled.get(unique.lower(), unique)
    return names


def layout(
    con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, known: Collection[str] = ()
) -> Layout:
    """The columns of one file.

    Raises CdpError for an empty or unreadable file.
    """
    kind = kind_of(file.path)
    plain = True
    with _readable(file, kind):
        delivered.check_whole(file)
        if kind == "csv":
            names = delivered.header(file, table)[0]
        elif kind == "jsonl":
            names, plain = _json_names(con, file, table)
        else:
            names = list(_parquet_types(con, file))
    # No SQL text can hold a NUL, so a column named with one cannot be asked for.
    kept = [name for name in names if not CREDENTIAL.search(name) and "\0" not in name]
    return Layout(raw_names(kept, known), plain)


def write(
    con: duckdb.DuckDBPyConnection,
    file: FileRef,
    table: TableSpec,
    found: Layout,
    columns: Sequence[str],
    stamp: Stamp,
    target: Path,
) -> int:
    """Write every row of the file to a parquet file with the given columns (null where the file lacks one).

    Returns the number of rows. Raises CdpError when the file cannot be read.
    """
    kind = kind_of(file.path)
    if kind == "parquet":
        return _copy(con, _rows(_parquet(con, file, found), file, found, columns, stamp), target)
    if found.plain:
        try:
            rows = _stream(con, file, table, found, columns, stamp, target)
            # A spool may have grown since it was looked at.
            if kind == "csv" or rows == delivered.fingerprint(file).lines:
                return rows
        except _STOPPED as error:
            if isinstance(error, duckdb.OutOfMemoryException):
                raise
    if kind == "jsonl":
        with _readable(file, kind):
            delivered.read_lines(con, file, table)
        return _copy(con, _rows(_jsonl(found), file, found, columns, stamp), target)
    return _copy(con, _rows(_csv(con, file, table, found), file, found, columns, stamp), target)


def _rows(relation: str, file: FileRef, found: Layout, columns: Sequence[str], stamp: Stamp) -> str:
    by_raw = {raw: name for name, raw in found.names.items()}
    # A column of raw may be spelled as an earlier file spelled it: names differ without regard to case.
    spelled = {raw.lower(): raw for raw in by_raw}
    hashed = ", ".join(
        f"{literal(by_raw[c] + '=')} || {quote(c)}" for c in sorted(by_raw, key=by_raw.__getitem__)
    )
    ours = {
        "_cdp_load_seq": f"{stamp.load_seq}::bigint",
        "_cdp_file": literal(file.label),
        "_cdp_position": "_cdp_position::bigint",
        "_cdp_hash": f"md5(coalesce(_cdp_raw, {f'concat_ws(chr(31), {hashed})' if hashed else literal('')}))",
        "_cdp_error": "_cdp_error::varchar",
        "_cdp_raw": "_cdp_raw::varchar",
        "_dlt_load_id": literal(stamp.load_id),
    }
    selected = [
        f"{ours.get(c) or (quote(spelled[c.lower()]) if c.lower() in spelled else 'null::varchar')} as {quote(c)}"
        for c in columns
    ]
    return f"select {', '.join(selected)} from ({relation})"


def _stream(
    con: duckdb.DuckDBPyConnection,
    file: FileRef,
    table: TableSpec,
    found: Layout,
    columns: Sequence[str],
    stamp: Stamp,
    target: Path,
) -> int:
    """One pass. `row_number()` would tie it to one thread, so a first query reads, its batches are numbered as they
    come (in the file's order), and a second one, fed by them, hashes and writes.
    """
    scan = _plain_json(file, found) if kind_of(file.path) == "jsonl" else _plain_csv(con, file, table, found)
    # The header of a csv is its line 1; what else stands above the rows is counted and left out.
    first, skipped = (1, 0) if kind_of(file.path) == "jsonl" else (2, table.header_rows - 1)
    reading, writing = con.cursor(), con.cursor()
    try:
        batches = reading.sql(scan).to_arrow_reader(BATCH_ROWS)
        writing.register("numbered_rows", _numbered(batches, first))
        relation = "select *, null::varchar as _cdp_error, null::varchar as _cdp_raw from numbered_rows"
        if skipped:
            relation += f" where _cdp_position >= {first + skipped}"
        return _copy(writing, _rows(relation, file, found, columns, stamp), target)
    finally:
        writing.close()
        reading.close()


def _numbered(batches: pa.RecordBatchReader, first: int) -> pa.RecordBatchReader:
    schema = batches.schema.append(pa.field("_cdp_position", pa.int64()))

    def numbered() -> Iterator[pa.RecordBatch]:
        at = first
        for batch in batches:
            positions = pa.array(np.arange(at, at + batch.num_rows, dtype=np.int64))
            yield pa.RecordBatch.from_arrays([*batch.columns, positions], schema=schema)
            at += batch.num_rows

    return pa.RecordBatchReader.from_batches(schema, numbered())


def _copy(con: duckdb.DuckDBPyConnection, sql: str, target: Path) -> int:
    options = f"format parquet, row_group_size {ROW_GROUP}, compression lz4_raw, string_dictionary_page_size_limit {DICTIONARY}"
    return int(con.execute(f"copy ({sql}) to {literal(str(target))} ({options})").fetchall()[0][0])


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


def _plain_csv(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, found: Layout) -> str:
    header, delimiter = delivered.header(file, table)
    kept = ", ".join(quote(raw) for raw in found.names.values())
    scan = _read_csv(delivered.as_utf8(con, file, table), header, delimiter, found)
    return f"select {kept or NOTHING} from {scan})"


def _csv(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, found: Layout) -> str:
    with _readable(file, "csv"):
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
        select {nulls}line, 'broken csv line: ' || error_type, coalesce(csv_line, '') from bad
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
    named = [found.names.get(name, f"_cdp_unread_{number}") for number, name in enumerate(header)]
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


def _json_names(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec) -> tuple[list[str], bool]:
    """Top-level keys of a file of JSON lines, and whether every line, none of them blank, is an object."""
    if delivered.is_utf8(table):
        with ThreadPoolExecutor(1) as beside:
            counting = beside.submit(delivered.fingerprint, file)
            try:
                found = con.execute(
                    f"""select keys, count(*), bool_and(is_object) from (
                        select json_keys(json) as keys, starts_with(json, '{{') as is_object
                        from read_ndjson_objects({literal(str(file.path))}, maximum_object_size = {MAX_LINE_BYTES})
                    ) group by keys"""
                ).fetchall()
            except duckdb.InvalidInputException:
                found = []
        names = sorted({str(key) for keys, *_ in found for key in keys})
        rows, objects = sum(int(row[1]) for row in found), all(row[2] for row in found)
        # Two columns that differ by case only, or one without a name, cannot be asked of `read_json`.
        askable = len({name.lower() for name in names} - {""}) == len(names) > 0
        seen = counting.result()
        # DuckDB takes lines up to twice the size it is told.
        if askable and objects and rows == seen.lines and seen.longest < MAX_LINE_BYTES - 1:
            return names, not any("\0" in name for name in names)
    delivered.read_lines(con, file, table)
    found = con.execute(
        "select distinct unnest(json_keys(text)) from lines where json_kind = 'OBJECT' order by 1"
    ).fetchall()
    return [row[0] for row in found], False


def _plain_json(file: FileRef, found: Layout) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in found.names)
    kept = ", ".join(f"{quote(name)} as {quote(raw)}" for name, raw in found.names.items())
    return f"""select {kept or NOTHING} from read_json({literal(str(file.path))},
        format = 'newline_delimited', records = true, columns = {{{columns}}},
        maximum_object_size = {MAX_LINE_BYTES})"""


def _jsonl(found: Layout) -> str:
    pointers = ", ".join(literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in found.names)
    values = ", ".join(
        f"v[{number}] as {quote(raw)}" for number, raw in enumerate(found.names.values(), start=1)
    )
    taken = f"case when json_kind = 'OBJECT' then json_extract_string(text, [{pointers}]) end"
    return f"""
        select {values + "," if values else ""} n as _cdp_position,
            case when problem is not null then 'broken line: ' || problem
                when json_kind is null then 'broken JSON' when json_kind <> 'OBJECT'
                then 'the line is not a JSON object' end as _cdp_error,
            case when json_kind is distinct from 'OBJECT' then line end as _cdp_raw
        from (select n, line, text, problem, json_kind, {taken if pointers else "null"} as v from lines)
    """


def _parquet(con: duckdb.DuckDBPyConnection, file: FileRef, found: Layout) -> str:
    types = _parquet_types(con, file)
    texts = "".join(f"{_as_text(name, types[name])} as {quote(raw)}, " for name, raw in found.names.items())
    counted = not any(name.lower() == "file_row_number" for name in types)
    position = "file_row_number + 1" if counted else "row_number() over ()"
    option = ", file_row_number = true" if counted else ""
    return f"""select {texts}{position} as _cdp_position, null::varchar as _cdp_error,
        null::varchar as _cdp_raw from read_parquet({literal(str(file.path))}{option})"""


def _parquet_types(con: duckdb.DuckDBPyConnection, file: FileRef) -> dict[str, str]:
    described = con.execute(f"describe select * from read_parquet({literal(str(file.path))})").fetchall()
    return {str(row[0]): str(row[1]) for row in described}


def _as_text(name: str, sql_type: str) -> str:
    nested = sql_type.endswith("[]") or sql_type.startswith(("STRUCT", "MAP"))
    return f"to_json({quote(name)})::varchar" if nested else f"{quote(name)}::varchar"


def _first_line(error: BaseException) -> str:
    """The reason without the data: DuckDB appends the offending input to some messages."""
    text = str(error).strip().split("Input:")[0].splitlines()
    return text[0].strip()[:200] if text else type(error).__name__
