"""What a row of raw looks like, whatever file it comes from: names, stamp, hash, and the parquet that dlt takes.

A reader gives a relation with the file's columns under their raw names, `_cdp_position`, `_cdp_error` and `_cdp_raw`;
here the rest is put around it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.specs import FileRef

BATCH_ROWS = 100_000
# Not DuckDB's own 122,880: batches of exactly its row group are written twice, at insert and at checkpoint.
ROW_GROUP = 100_000
# No dictionaries: what they save of a file that is read once, lz4 saves too.
OPTIONS = f"format parquet, row_group_size {ROW_GROUP}, compression lz4_raw, dictionary_size_limit 1"
# Never read, whatever the mapping says: a password has no business in a warehouse. A plain `token` may be an id (Typeform's is).
_CREDENTIAL = re.compile(
    r"(^|_)(password|passwort|passwd|passphrase|pwd|secret|api_?key|private_?key|access_?key"
    r"|(access|auth|refresh|bearer|session|id|api|csrf|reset)_?token)s?\d*(_|$)"
)
# What dlt makes of a column's name (naming `direct`), done before it: what is read and what is asked for agree.
_NAMED_BY_DLT = str.maketrans("\n\r'\"▶", "_____")
# What a stream may fail with when DuckDB meets a line it cannot take.
STOPPED = (duckdb.Error, pa.ArrowException, RuntimeError)
# What is selected of rows whose every column is left out: they count all the same.
NOTHING = "null::varchar as _cdp_nothing"
OURS = ("_cdp_", "_dlt_")
META = ("_cdp_load_seq", "_cdp_file", "_cdp_position", "_cdp_hash", "_cdp_error", "_cdp_raw")
# Told how many rows of the file were read so far.
Told = Callable[[int], None]


@dataclass(frozen=True)
class Layout:
    """A file's delivered columns: name in the file -> name in raw (case twins and our own prefixes moved away).

    `plain` says that every line seen is a row, so that the file can be read in one stream; `sampled`, that only a part of a
    large file was looked at for its names: the stream watches for others (`OtherNamesError`). `left_out` are names that are
    known and not read.
    """

    names: dict[str, str]
    plain: bool = True
    sampled: bool = False
    left_out: tuple[str, ...] = ()


class OtherNamesError(Exception):
    """A large file whose names were sampled holds others; nothing of it counts. It must be looked through first."""


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


def is_credential(name: str) -> bool:
    """Does a column by its name hold what opens something: `api-key`, `clientSecret`, `password1`?"""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _CREDENTIAL.search(re.sub(r"\W+", "_", words).lower()) is not None


def raw_name(name: str) -> str:
    """What a delivered column is called in raw, unless another one has that name."""
    return name.strip().translate(_NAMED_BY_DLT)


def raw_names(
    delivered: Iterable[str], known: Collection[str] = (), mapped: Collection[str] = ()
) -> dict[str, str]:
    """Delivered name -> raw column name, unique without regard to case (as DuckDB compares names).

    Among names that differ by case only, the one that is `mapped` has the column, else the one that raw already has (`known`).
    """
    taken: set[str] = {name.lower() for name in META}
    spelled = {name.lower(): name for name in known}
    names: dict[str, str] = {}

    def rank(name: str) -> tuple[bool, bool, bool]:
        cleaned = raw_name(name)
        return cleaned not in mapped, cleaned not in known, cleaned != name

    for name in sorted(delivered, key=rank):
        cleaned = raw_name(name)
        wanted = f"x{cleaned}" if cleaned.lower().startswith(OURS) else cleaned or "x"
        unique, number = wanted, 1
        while unique.lower() in taken:
            number += 1
            unique = f"{wanted}__{number}"
        taken.add(unique.lower())
        names[name] = spelled.get(unique.lower(), unique)
    return names


def line_as_kept(found: Layout, line: str) -> str:
    """SQL of a broken line as it is kept: not of a file with columns that are never read, as nobody can tell them apart."""
    withheld = literal("withheld: the file has a column that looks like a credential")
    return withheld if any(is_credential(name) for name in found.left_out) else line


def write(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    file: FileRef,
    found: Layout,
    columns: Sequence[str],
    stamp: Stamp,
    target: Path,
    told: Told,
    first: int | None = None,
    kept_from: int = 0,
    hashed: bool = False,
) -> int:
    """Write a relation to a parquet file with the given columns (null where the file lacks one); returns the rows.

    Staging hashes the rows it takes (`row_hash`); only what is compared before it is loaded is `hashed` here.

    With `first`, the relation has columns of the file only, and its rows are numbered from there in the order they come:
    `row_number()` would tie the query to one thread. So one query reads, and a second one, fed by its batches, writes.
    """
    failed: list[BaseException] = []
    writing = con.cursor()
    try:
        writing.register(
            "rows_read", _passed(con.sql(relation).to_arrow_reader(BATCH_ROWS), first, told, failed)
        )
        rows = "rows_read"
        if first is not None:
            rows = f"""(select *, null::varchar as _cdp_error, null::varchar as _cdp_raw from rows_read
                where _cdp_position >= {kept_from})"""
        sql = f"copy ({_selected(rows, file, found, columns, stamp, hashed)}) to {literal(str(target))} ({OPTIONS})"
        return int(writing.execute(sql).fetchall()[0][0])
    except STOPPED:
        # Python's own exceptions, a signal's too, do not come through Arrow as they are.
        if failed and not isinstance(failed[0], STOPPED):
            raise failed[0] from None
        raise
    finally:
        writing.close()


def _passed(
    batches: pa.RecordBatchReader, first: int | None, told: Told, failed: list[BaseException]
) -> pa.RecordBatchReader:
    schema = batches.schema
    if first is not None:
        schema = schema.append(pa.field("_cdp_position", pa.int64()))

    def passed() -> Iterator[pa.RecordBatch]:
        seen = 0
        try:
            for batch in _read(batches):
                if first is not None:
                    at = first + seen
                    positions = pa.array(np.arange(at, at + batch.num_rows, dtype=np.int64))
                    batch = pa.RecordBatch.from_arrays([*batch.columns, positions], schema=schema)
                seen += batch.num_rows
                told(seen)
                yield batch
        except BaseException as error:
            failed.append(error)
            raise

    return pa.RecordBatchReader.from_batches(schema, passed())


def _read(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches. What DuckDB cannot read further on, past the first batch, pyarrow tells as an OSError without a number."""
    try:
        yield from batches
    except OSError as error:
        if error.errno is None:
            raise pa.ArrowInvalid(str(error)) from error
        raise


def _selected(
    relation: str, file: FileRef, found: Layout, columns: Sequence[str], stamp: Stamp, hashed: bool
) -> str:
    by_raw = {raw: name for name, raw in found.names.items()}
    # A column of raw may be spelled as an earlier file spelled it: names differ without regard to case.
    spelled = {raw.lower(): raw for raw in by_raw}
    ours = {
        "_cdp_load_seq": f"{stamp.load_seq}::bigint",
        "_cdp_file": literal(file.label),
        "_cdp_position": "_cdp_position::bigint",
        "_cdp_hash": f"md5(coalesce(_cdp_raw, {_content(by_raw)}))" if hashed else "null::varchar",
        "_cdp_error": "_cdp_error::varchar",
        "_cdp_raw": "_cdp_raw::varchar",
        "_dlt_load_id": literal(stamp.load_id),
    }
    selected = [
        f"{ours.get(c) or (quote(spelled[c.lower()]) if c.lower() in spelled else 'null::varchar')} as {quote(c)}"
        for c in columns
    ]
    return f"select {', '.join(selected)} from {relation}"


def _content(by_raw: Mapping[str, str]) -> str:
    """SQL of a row's text: its non-null columns, named, in name order."""
    parts = [
        f"{literal(name + '=')} || {quote(raw)}" for name, raw in sorted((n, r) for r, n in by_raw.items())
    ]
    return f"concat_ws(chr(31), {', '.join(parts)})" if parts else literal("")
