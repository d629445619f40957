"""One load of one source as a dlt package: written to disk, normalised, put into raw, and only then booked.

A package that a killed run left behind is finished first (`drain`). dlt is imported when there is something to load (2 s).
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines import delivered, dlt_home, failpoints, readers
from pipelines.history import FILES_TABLE, next_load_seq
from pipelines.plans import NewTable
from pipelines.scratch import scratch
from pipelines.specs import LoadSpec, Progress, SourceSpec

# (table, file) -> rows written
Counts = dict[tuple[str, str], int]


def drain(spec: LoadSpec, source: SourceSpec) -> None:
    """Finish the package a killed run left behind. Raises CdpError when it cannot be loaded; it is kept."""
    dlt_home.settle(spec, source)
    try:
        pipeline = dlt_home.open_pipeline(spec, source)
        pipeline.sync_destination()
        pipeline.normalize()
        pipeline.load()
    except Exception as error:
        raise dlt_home.explain(error, source) from error
    dlt_home.purge(spec, source)


def load_package(
    spec: LoadSpec,
    source: SourceSpec,
    tables: list[NewTable],
    run_id: str,
    progress: Progress,
    also: Mapping[str, Callable[[int], pa.Table]] | None = None,
) -> Counts:
    """Write the new rows of the tables and the list of their files, and load them; returns the rows of each file.

    `also`: further tables of the package, made of the load's number.

    Raises CdpError when it cannot be loaded, OtherNamesError when a file must be looked through again; nothing is loaded then.
    """
    for table in tables:
        for file in table.files:
            # Needed at the end; it is read while dlt is imported (2 s on one core).
            delivered.begin_fingerprint(file)
    import dlt

    dlt_home.purge(spec, source)
    pipeline = dlt_home.open_pipeline(spec, source)
    load_seq = next_load_seq(spec.warehouse, source)
    counts: Counts = {}

    def rows(table: NewTable) -> Iterator[Any]:
        stamp = readers.Stamp(load_seq, dlt.current.load_package_state()["load_id"])
        columns = _columns(pipeline, table)
        yield from _rows(spec, source, table, columns, stamp, counts, progress)

    def manifest() -> Iterator[pa.Table]:
        yield _manifest(tables, counts, load_seq, run_id)

    resources: list[Any] = [
        dlt.resource(rows(table), name=table.spec.name, write_disposition="append")
        for table in tables
        if table.files
    ]
    for name, made in (also or {}).items():
        resources.append(dlt.resource([made(load_seq)], name=name, write_disposition="append"))
    # Extracted last: by then every row of the package is counted.
    resources.append(dlt.resource(manifest, name=FILES_TABLE, write_disposition="append"))

    @dlt.source(name=source.name, max_table_nesting=0)
    def delivery() -> Any:
        return resources

    try:
        pipeline.extract(delivery(), loader_file_format="parquet")
        failpoints.reach("load.extracted")
        pipeline.normalize()
        pipeline.load()
    except Exception as error:
        raise dlt_home.explain(error, source) from error
    failpoints.reach("load.loaded")
    dlt_home.purge(spec, source)
    return counts


def _rows(
    spec: LoadSpec,
    source: SourceSpec,
    table: NewTable,
    columns: list[str],
    stamp: readers.Stamp,
    counts: Counts,
    progress: Progress,
) -> Iterator[Any]:
    """One parquet after the other, each a file of the table."""
    import dlt

    hints = _schema(columns).empty_table()
    with scratch(spec) as con, _rows_file(spec) as target:
        for file in table.files:

            def told(seen: int, label: str = file.label) -> None:
                progress(source.name, table.spec.name, label, seen)

            seen = table.write(con, file, columns, stamp, target, told)
            told(seen)
            counts[(table.spec.name, file.label)] = seen
            # dlt has linked or copied the file into its package when it asks for the next one.
            yield dlt.mark.with_file_import(str(target), "parquet", seen, hints)
            target.unlink()


def _manifest(tables: list[NewTable], counts: Counts, load_seq: int, run_id: str) -> pa.Table:
    files = [(table.spec.name, file) for table in tables for file in table.files]
    cursors = {table.spec.name: table.cursor for table in tables}
    return pa.table(
        {
            "table_name": pa.array([name for name, _ in files], pa.string()),
            "file": pa.array([file.label for _, file in files], pa.string()),
            "size": pa.array([file.size for _, file in files], pa.int64()),
            "mtime_ns": pa.array([file.mtime_ns for _, file in files], pa.int64()),
            "content_hash": pa.array([delivered.fingerprint(file).content_hash for _, file in files]),
            "received": pa.array([counts[(name, file.label)] for name, file in files], pa.int64()),
            "run_id": pa.array([run_id] * len(files), pa.string()),
            "cursor": pa.array([cursors[name] for name, _ in files], pa.string()),
            "_cdp_load_seq": pa.array([load_seq] * len(files), pa.int64()),
        }
    )


def _columns(pipeline: Any, table: NewTable) -> list[str]:
    """Columns of the package in the order of dlt's schema: dlt would rewrite a file that differs from it."""
    schemas = pipeline.schemas
    known: dict[str, Any] = {}
    for name in schemas:
        known |= schemas[name].tables.get(table.spec.name, {}).get("columns", {})
    columns = {column.lower(): column for column in known}
    for column in (*table.columns, *readers.META, "_dlt_load_id"):
        columns.setdefault(column.lower(), column)
    return list(columns.values())


def _schema(columns: list[str]) -> pa.Schema:
    numbers = ("_cdp_load_seq", "_cdp_position")
    return pa.schema([(column, pa.int64() if column in numbers else pa.string()) for column in columns])


@contextmanager
def _rows_file(spec: LoadSpec) -> Iterator[Path]:
    """Where the rows of one file lie until dlt has them."""
    target = spec.temp / f"rows-{os.getpid()}.parquet"
    try:
        yield target
    finally:
        target.unlink(missing_ok=True)
