"""One load of one source as a dlt package: written to disk, normalised, put into raw, and only then booked.

A package that a killed run left behind is finished first (`drain`). dlt is imported when there is something to load (2 s).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines import delivered, failpoints, readers
from pipelines.errors import CdpError
from pipelines.history import FILES_TABLE, next_load_seq
from pipelines.plans import NewTable
from pipelines.scratch import scratch
from pipelines.specs import LoadSpec, Progress, SourceSpec

# (table, file) -> rows written
Counts = dict[tuple[str, str], int]


def has_pending(spec: LoadSpec, source: SourceSpec) -> bool:
    """Did a killed run leave a package? Looked up in dlt's folders, without importing dlt."""
    home = spec.state / _name(source)
    folders = (home / "normalize" / "extracted", home / "load" / "new", home / "load" / "normalized")
    return any(child.is_dir() for folder in folders if folder.is_dir() for child in folder.iterdir())


def drain(spec: LoadSpec, source: SourceSpec) -> None:
    """Finish the package a killed run left behind. Raises CdpError when it cannot be loaded; it is kept."""
    _settle(spec, source)
    try:
        pipeline = open_pipeline(spec, source)
        pipeline.sync_destination()
        pipeline.normalize()
        pipeline.load()
    except Exception as error:
        raise explain(error, source) from error
    purge(spec, source)


def _settle(spec: LoadSpec, source: SourceSpec) -> None:
    """Drop what a package was normalised from, where a kill came between dlt's rename and its delete.

    dlt normalises whatever it finds extracted, and then cannot put the result where the finished package stands already.
    """
    home = spec.state / _name(source)
    for done in (home / "load" / "normalized").glob("*"):
        shutil.rmtree(home / "normalize" / "extracted" / done.name, ignore_errors=True)
        shutil.rmtree(home / "load" / "new" / done.name, ignore_errors=True)


def load_package(
    spec: LoadSpec, source: SourceSpec, tables: list[NewTable], run_id: str, progress: Progress
) -> Counts:
    """Write the new rows of the tables and the list of their files, and load them; returns the rows of each file.

    Raises CdpError when it cannot be loaded, OtherNamesError when a file must be looked through again; nothing is loaded then.
    """
    import dlt

    purge(spec, source)
    pipeline = open_pipeline(spec, source)
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
        raise explain(error, source) from error
    failpoints.reach("load.loaded")
    purge(spec, source)
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


def open_pipeline(spec: LoadSpec, source: SourceSpec) -> Any:
    """The source's dlt pipeline: its folder in `state`, its dataset in the warehouse."""
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false",
        RUNTIME__LOG_LEVEL="ERROR",
        NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID="true",
        SCHEMA__NAMING="direct",
        LOAD__DELETE_COMPLETED_JOBS="true",
        LOAD__WORKERS="2",
        # One resource after the other, in our order: the manifest comes last, when all rows are counted.
        EXTRACT__NEXT_ITEM_MODE="fifo",
    )
    import dlt
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    # Rows carry their position, so their order in the table means nothing: without it two threads insert. Of DuckDB's
    # encodings of text, zstd costs a third of what trying out and building its dictionaries does, in the same space.
    credentials = DuckDbCredentials(
        str(spec.warehouse),
        global_config={
            "memory_limit": spec.memory_limit,
            "temp_directory": str(spec.temp),
            "max_temp_directory_size": spec.temp_limit,
            "preserve_insertion_order": False,
            "force_compression": "zstd",
        },
    )
    destination = dlt.destinations.duckdb(credentials)
    pipeline = dlt.pipeline(
        _name(source), pipelines_dir=str(spec.state), destination=destination, dataset_name=source.schema
    )
    pipeline.activate()
    return pipeline


def _name(source: SourceSpec) -> str:
    return f"cdp_{source.name}"


def purge(spec: LoadSpec, source: SourceSpec) -> None:
    """Delete dlt's finished packages, and extracts that were cut short: they hold people's rows."""
    home = spec.state / _name(source)
    shutil.rmtree(home / "load" / "loaded", ignore_errors=True)
    if (home / "normalize").is_dir():
        for child in (home / "normalize").iterdir():
            if child.is_dir() and child.name != "extracted":
                shutil.rmtree(child, ignore_errors=True)


def explain(error: Exception, source: SourceSpec) -> Exception:
    """What lies under dlt's exceptions: ours as it is, any other in words, without the data it may quote."""
    root: BaseException = error
    while not isinstance(root, CdpError | readers.OtherNamesError):
        inner = root.__cause__ or root.__context__
        if inner is None:
            break
        root = inner
    else:
        return root
    reason = str(root).strip().split("Input:")[0].splitlines()[:1]
    return CdpError(
        f"{source.name}: loading failed: {reason[0][:300] if reason else type(root).__name__}",
        hint="run `cdp doctor`; the next `cdp run` takes the load up where it stopped",
    )
