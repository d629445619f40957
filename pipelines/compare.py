"""What was fetched -> the rows that are not in raw yet, as one parquet of text, ready to be loaded.

A fetch reads again what it has read before (a lag, a table without a cursor, an API that ignores its cursor), so every
fetched row is compared with the last one of its key in raw, and only what differs is delivered: a row that was already read
is not received, as a file that was already read is not. With `deletions: compare`, a key that the source no longer has is
delivered once more, marked `_cdp_deleted`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import readers
from pipelines.errors import CdpError
from pipelines.fetch import Fetched
from pipelines.readers import literal, quote
from pipelines.specs import FileRef, LoadSpec, SourceSpec, TableSpec

DELETED = "_cdp_deleted"
KEY = "_cdp_key"
FETCHED = "_cdp_fetched"
SEVERAL = f"""select {KEY}, arg_max(_cdp_hash, _cdp_position) as last_hash from fetched
    group by {KEY} having count(*) > 1"""


@dataclass(frozen=True)
class Delivery:
    """The rows to load of one table: a parquet in `file`, its delivered columns, and the cursor reached."""

    file: FileRef
    columns: list[str]
    rows: int
    cursor: str | None


def deliver(
    con: duckdb.DuckDBPyConnection,
    spec: LoadSpec,
    source: SourceSpec,
    table: TableSpec,
    fetched: Fetched,
    known: set[str],
) -> Delivery:
    """Compare what was fetched with raw, and write the rows that differ. Raises CdpError when a whole table seems gone."""
    layout = readers.layout(con, fetched.file, table, known)
    names = list(layout.names.values())
    rows = spec.temp / f"{source.name}.{table.name}.rows.parquet"
    spec.temp.mkdir(parents=True, exist_ok=True)
    stamp = readers.Stamp(0, "")
    readers.write(con, fetched.file, table, layout, [*names, *readers.META], stamp, rows, hashed=True)
    con.execute("drop table if exists fetched")
    con.execute(
        f"create temp table fetched as select *, {_key(table, names)} as {KEY} from read_parquet({literal(str(rows))})"
    )
    lower = {name.lower() for name in names}
    # A field that no object of the answer has is a column all the same: staging reads it.
    absent = [name for name in (*table.columns, *table.optional) if name.lower() not in lower]
    for name in absent:
        con.execute(f"alter table fetched add column {quote(name)} varchar")
    names = [*names, *absent]
    with _held(con, spec, source, table) as (held, seen):
        con.execute(f"create or replace temp table held as {held}")
        kept = con.execute("select count(*) from held").fetchall()[0][0]
        listed = ", ".join(f"fetched.{quote(name)}" for name in names)
        # An answer may hold several versions of a key. Where the last is the one that raw has, the others are new only if
        # raw never had them: else they would come again with every fetch.
        con.execute(f"create or replace temp table several as {SEVERAL}")
        con.execute(f"create or replace temp table before as {seen}")
        new = f"""
            select {listed}, {", ".join(f"fetched.{name}" for name in readers.META)} from fetched
            left join held on fetched.{KEY} = held.{KEY}
            left join several on fetched.{KEY} = several.{KEY}
            left join before on fetched.{KEY} = before.{KEY} and fetched._cdp_hash = before._cdp_hash
            where held.{KEY} is null or (held.{FETCHED} is distinct from fetched._cdp_hash
                and (coalesce(several.last_hash, '') is distinct from held.{FETCHED} or before.{KEY} is null))
        """
        columns = names
        if table.compares:
            columns, new = [*names, DELETED], _with_deleted(con, source, table, fetched, names, new, kept)
        path = spec.temp / f"{source.name}.{table.name}.delivery.parquet"
        con.execute(f"copy ({new} order by _cdp_position) to {literal(str(path))} (format parquet)")
    rows = con.execute(f"select count(*) from read_parquet({literal(str(path))})").fetchall()[0][0]
    con.execute("drop table fetched; drop table held; drop table several; drop table before")
    return Delivery(FileRef(path, fetched.file.label, path.stat().st_size, 0), columns, rows, fetched.cursor)


def restamp(
    con: duckdb.DuckDBPyConnection,
    file: FileRef,
    columns: Sequence[str],
    stamp: readers.Stamp,
    target: Path,
    told: readers.Told = lambda seen: None,
) -> int:
    """Write a delivery as it will be loaded: the package's columns in their order, with its load. Returns the rows."""
    rows = f"read_parquet({literal(str(file.path))})"
    has = {str(row[0]) for row in con.execute(f"describe select * from {rows}").fetchall()}
    ours = {"_cdp_load_seq": f"{stamp.load_seq}::bigint", "_dlt_load_id": literal(stamp.load_id)}
    listed = ", ".join(
        f"{ours.get(name) or (quote(name) if name in has else 'null::varchar')} as {quote(name)}"
        for name in columns
    )
    copied = con.execute(f"copy (select {listed} from {rows}) to {literal(str(target))} (format parquet)")
    count = int(copied.fetchall()[0][0])
    told(count)
    return count


def _key(table: TableSpec, names: list[str], without: str = "_cdp_hash") -> str:
    """A row's key as one text; a row without one is known by its content (`without`)."""
    known = {name.lower(): name for name in names}
    parts = [f"trim({quote(known[name.lower()])})" for name in table.key if name.lower() in known]
    if len(parts) < len(table.key):
        return without
    missing = " or ".join(f"coalesce({part}, '') = ''" for part in parts)
    return f"case when {missing} then {without} else concat_ws(chr(31), {', '.join(parts)}) end"


@contextmanager
def _held(
    con: duckdb.DuckDBPyConnection, spec: LoadSpec, source: SourceSpec, table: TableSpec
) -> Iterator[tuple[str, str]]:
    """SQL of the last delivered row of each key, and of every content that the keys of `several` had, over the warehouse
    attached read-only for the while.
    """
    con.execute(f"attach {literal(str(spec.warehouse))} as warehouse (read_only)")
    try:
        found = con.execute(
            "select column_name from duckdb_columns() where database_name = 'warehouse'"
            " and schema_name = ? and table_name = ?",
            [source.schema, table.name],
        ).fetchall()
        columns = [str(row[0]) for row in found]
        if not columns:
            held = f"select ''::varchar as {KEY}, ''::varchar as {FETCHED} where false"
            yield held, f"select ''::varchar as {KEY}, ''::varchar as _cdp_hash where false"
            return
        raw = f"warehouse.{source.schema}.{quote(table.name)}"
        complete = (
            f"_dlt_load_id in (select load_id from warehouse.{source.schema}._dlt_loads where status = 0)"
        )
        held = f"""
            select {_key(table, columns)} as {KEY}, *, {_fetched_hash(con, source, table)} as {FETCHED}
            from {raw} where {complete}
            qualify row_number() over (
                partition by {KEY} order by _cdp_load_seq desc, _cdp_position desc
            ) = 1
        """
        seen = f"""
            select distinct {_key(table, columns)} as {KEY}, _cdp_hash from {raw}
            where {complete} and {KEY} in (select {KEY} from several)
        """
        yield held, seen
    finally:
        con.execute("detach warehouse")


def _fetched_hash(con: duckdb.DuckDBPyConnection, source: SourceSpec, table: TableSpec) -> str:
    """Hash of the last row of a key that the source itself gave: a correction by hand is no answer of it.

    Else the wrong row, still in the source, would differ from its correction and be received again at each fetch.
    """
    replayed = con.execute(
        f"select 1 from warehouse.{source.schema}._cdp_files"
        " where table_name = ? and starts_with(file, 'replay:') limit 1",
        [table.name],
    ).fetchall()
    if not replayed:
        return "_cdp_hash"
    return f"""last_value(case when not starts_with(_cdp_file, 'replay:') then _cdp_hash end ignore nulls) over (
        partition by {KEY} order by _cdp_load_seq, _cdp_position
        rows between unbounded preceding and unbounded following
    )"""


def _with_deleted(
    con: duckdb.DuckDBPyConnection,
    source: SourceSpec,
    table: TableSpec,
    fetched: Fetched,
    names: list[str],
    new: str,
    known: int,
) -> str:
    """The new rows, and the last row of each key that the source no longer has, marked and with a hash of its own."""
    present = f"(select {KEY} from fetched)"
    if fetched.keys:
        keys = FileRef(fetched.keys, fetched.file.label, 0, 0)
        has = list(readers.layout(con, keys, table).names.values())
        # Of a row without a key nothing was asked but its key: it is none of those that are known.
        listed = f"select {_key(table, has, 'null::varchar')} as {KEY} from read_parquet({literal(str(fetched.keys))})"
        present = f"(select {KEY} from ({listed}) where {KEY} is not null)"
    if known and not con.execute(f"select count(*) from {present}").fetchall()[0][0]:
        raise CdpError(
            f"{source.name}.{table.name}: the source has no row any more, and {known} are known; nothing was deleted",
            hint="look whether the source is whole; to delete them all, set `deletions: ignore` and erase them there",
        )
    columns = {str(row[0]) for row in con.execute("describe held").fetchall()}
    deleted_before = "false" if DELETED not in columns else f"coalesce(held.{DELETED} = 'true', false)"
    listed = ", ".join(f"held.{quote(name)}" if name in columns else "null::varchar" for name in names)
    if not known:
        return f"select *, null::varchar as {DELETED} from ({new})"
    return f"""
        select *, null::varchar as {DELETED} from ({new})
        union all
        select {listed}, 0::bigint, {literal(fetched.file.label)},
            (select coalesce(max(_cdp_position), 0) from fetched) + row_number() over (order by held.{KEY}),
            md5('deleted' || held._cdp_hash), null::varchar, null::varchar, 'true'
        from held
        where not {deleted_before} and held._cdp_error is null and held.{FETCHED} is not null
            and held.{KEY} not in {present}
    """
