"""Delivered files -> Arrow batches of text columns, each row with its file, position and hash.

DuckDB reads (csv, csv.gz, jsonl, jsonl.gz, parquet); nothing is typed here, so no value can stop a load:
staging judges. A line that is no row (ragged, broken JSON, invalid characters) becomes a row with
`_cdp_error` and `_cdp_raw`, at its own position, and is counted like every other.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines import delivered
from pipelines.delivered import MAX_LINE_BYTES, SHOWN_CHARACTERS
from pipelines.errors import CdpError
from pipelines.specs import FileRef, TableSpec

BATCH_ROWS = 100_000
# A broken record of csv that spans more lines than this is taken for a quote that was never closed.
MAX_BROKEN_LINES = 10
# Never read, whatever the mapping says: a password has no business in a warehouse.
CREDENTIAL = re.compile(
    r"(^|[_\W])(password|passwd|pwd|secret|api_?key|access_?token|auth_?token)($|[_\W])", re.I
)
OURS = ("_cdp_", "_dlt_")
META = ("_cdp_load_seq", "_cdp_file", "_cdp_position", "_cdp_hash", "_cdp_error", "_cdp_raw")


@dataclass(frozen=True)
class Layout:
    """A file's delivered columns: name in the file -> name in raw (case twins and our own prefixes moved away)."""

    names: dict[str, str]


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
    with _readable(file, kind):
        delivered.check_whole(file)
        if kind == "csv":
            names = delivered.header(file, table)[0]
        elif kind == "jsonl":
            delivered.read_lines(con, file, table)
            found = con.execute(
                "select distinct unnest(json_keys(line)) from lines where json_kind = 'OBJECT' order by 1"
            )
            names = [row[0] for row in found.fetchall()]
        else:
            names = list(_parquet_types(con, file))
    # No SQL text can hold a NUL, so a column named with one cannot be asked for.
    kept = [name for name in names if not CREDENTIAL.search(name) and "\0" not in name]
    return Layout(raw_names(kept, known))


def batches(
    con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, columns: list[str], load_seq: int
) -> Iterator[pa.RecordBatch]:
    """Every row of the file as Arrow batches with the given raw columns (null where the file lacks one)."""
    kind = kind_of(file.path)
    found = layout(con, file, table, columns)
    by_raw = {raw: name for name, raw in found.names.items()}
    # A column of raw may be spelled as an earlier file spelled it: names differ without regard to case.
    spelled = {raw.lower(): raw for raw in by_raw}
    relation = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[kind](con, file, table, by_raw)
    selected = [
        f"{quote(spelled[c.lower()]) if c.lower() in spelled else 'null::varchar'} as {quote(c)}"
        for c in columns
    ]
    hashed = ", ".join(
        f"{literal(by_raw[c] + '=')} || {quote(c)}" for c in sorted(by_raw, key=by_raw.__getitem__)
    )
    row_hash = (
        f"md5(coalesce(_cdp_raw, concat_ws(chr(31), {hashed})))" if hashed else "md5(coalesce(_cdp_raw, ''))"
    )
    sql = f"""
        select
            {", ".join([*selected, ""])}
            {load_seq}::bigint as _cdp_load_seq,
            {literal(file.label)} as _cdp_file,
            _cdp_position::bigint as _cdp_position,
            {row_hash} as _cdp_hash,
            _cdp_error,
            _cdp_raw
        from ({relation})
    """
    yield from con.sql(sql).to_arrow_reader(BATCH_ROWS)


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


def _csv(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, by_raw: dict[str, str]) -> str:
    with _readable(file, "csv"):
        header, delimiter = delivered.header(file, table)
        try:
            _scan(con, delivered.as_utf8(con, file, table), header, delimiter)
        except duckdb.InvalidInputException:
            # Line ends of two kinds in one file; DuckDB takes one kind.
            _scan(con, delivered.as_utf8(con, file, table, one_line_end=True), header, delimiter)
    _check_closed(con, file)
    kept = ", ".join(quote(raw) for raw in by_raw)
    nulls = ", ".join("null" for _ in by_raw)
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
        select {kept}, n + 1 + coalesce(shift, 0) as _cdp_position, null::varchar as _cdp_error,
            null::varchar as _cdp_raw
        from good asof left join steps on n >= from_n
        union all
        select {nulls}, line, 'broken csv line: ' || error_type, coalesce(csv_line, '') from bad
        ) where _cdp_position > {table.header_rows}
    """


def _scan(con: duckdb.DuckDBPyConnection, path: Path, header: list[str], delimiter: str) -> None:
    """Temp tables `good` (rows, numbered) and `rejects` (what is no row) of one csv."""
    named = raw_names(header)
    columns = ", ".join(f"{literal(named[name])}: 'VARCHAR'" for name in header)
    con.execute("drop table if exists rejects; drop table if exists scans; drop table if exists good")
    con.execute(
        f"""create temp table good as select row_number() over () as n, * from read_csv(
            {literal(str(path))}, header = false, skip = 1, delim = {literal(delimiter)}, quote = '"',
            escape = '"', auto_detect = false, columns = {{{columns}}}, max_line_size = {MAX_LINE_BYTES},
            store_rejects = true, rejects_table = 'rejects', rejects_scan = 'scans', rejects_limit = 0)"""
    )


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


def _jsonl(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, by_raw: dict[str, str]) -> str:
    pointers = ", ".join(
        literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in by_raw.values()
    )
    values = ", ".join(f"v[{number}] as {quote(raw)}" for number, raw in enumerate(by_raw, start=1))
    taken = f"case when json_kind = 'OBJECT' then json_extract_string(line, [{pointers}]) end"
    return f"""
        select {values + "," if values else ""} n as _cdp_position,
            case when problem is not null then 'broken line: ' || problem
                when json_kind is null then 'broken JSON' when json_kind <> 'OBJECT'
                then 'the line is not a JSON object' end as _cdp_error,
            case when json_kind is distinct from 'OBJECT' then line end as _cdp_raw
        from (select n, line, problem, json_kind, {taken if pointers else "null"} as v from lines)
    """


def _parquet(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, by_raw: dict[str, str]) -> str:
    types = _parquet_types(con, file)
    texts = ", ".join(f"{_as_text(name, types[name])} as {quote(raw)}" for raw, name in by_raw.items())
    counted = not any(name.lower() == "file_row_number" for name in types)
    position = "file_row_number + 1" if counted else "row_number() over ()"
    option = ", file_row_number = true" if counted else ""
    return f"""select {texts}, {position} as _cdp_position, null::varchar as _cdp_error,
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
