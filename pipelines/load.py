"""New files of a source -> one dlt package -> append-only `raw_<source>`.

What was read is remembered in `raw_<source>._cdp_files`, which travels in the same package as the rows: a file
counts as read exactly when its rows are complete. dlt's `run()` first finishes a package that a killed run
left behind, and returns; so we drain first, look again at what is new, and only then extract.
dlt is imported when there is something to load (2 s).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import delivered, failpoints, fetch, readers
from pipelines.errors import CdpError, PartialError, UsageError
from pipelines.scratch import scratch
from pipelines.specs import FileRef, LoadSpec, SourceSpec, TableSpec

FILES_TABLE = "_cdp_files"
Progress = Callable[[str, str, int], None]


@dataclass
class SourceLoad:
    """Result of one source: rows received per table, or why it failed."""

    source: str
    files: int = 0
    received: dict[str, int] = field(default_factory=dict)
    drained: bool = False
    error: CdpError | None = None


@dataclass(frozen=True)
class NewTable:
    """What of a table is to be read now, what each file holds, its raw columns, and the cursor that a fetch reached."""

    spec: TableSpec
    files: list[FileRef]
    columns: list[str]
    layouts: dict[FileRef, readers.Layout]
    cursor: str | None = None


@dataclass(frozen=True)
class ReadFiles:
    """What was read: (table, file, size, mtime), and the contents seen under each (table, file, size)."""

    seen: set[tuple[str, str, int, int]]
    contents: dict[tuple[str, str, int], set[str]]

    def has(self, table: str, file: FileRef) -> bool:
        """Was this file read? Only one that was touched or copied since is looked into."""
        if (table, file.label, file.size, file.mtime_ns) in self.seen:
            return True
        hashes = self.contents.get((table, file.label, file.size))
        if not hashes:
            return False
        try:
            return delivered.fingerprint(file).content_hash in hashes
        except delivered.UNREADABLE:
            return False


def load_sources(
    spec: LoadSpec, sources: list[SourceSpec], run_id: str, progress: Progress | None = None
) -> list[SourceLoad]:
    """Load what is new in each source; one source's failure does not stop the others.

    Raises UsageError before anything is loaded when a mapped column never existed in its file.
    """
    try:
        return _load_all(spec, sources, run_id, progress)
    finally:
        # What was fetched lies there, as people's rows; scratch databases spilled there.
        shutil.rmtree(spec.temp, ignore_errors=True)


def _load_all(
    spec: LoadSpec, sources: list[SourceSpec], run_id: str, progress: Progress | None
) -> list[SourceLoad]:
    results = {source.name: SourceLoad(source.name) for source in sources}
    plans: dict[str, list[NewTable]] = {}
    for source in sources:
        result = results[source.name]
        try:
            if has_pending(spec, source):
                result.drained = True
                _drain(spec, source)
            plans[source.name] = (_plan_fetched if source.fetched else _plan)(spec, source)
        except UsageError:
            raise
        except CdpError as error:
            result.error = error
    failpoints.reach("load.before_extract")
    for source in sources:
        result = results[source.name]
        tables = plans.get(source.name, [])
        if result.error is None and any(table.files for table in tables):
            try:
                _load(spec, source, tables, run_id, result, progress)
            except CdpError as error:
                result.error = error
    return list(results.values())


def _plan(spec: LoadSpec, source: SourceSpec) -> list[NewTable]:
    """What is new in each table. Every table that cannot be read is named, not only the first."""
    read, known = read_files(spec.warehouse, source), raw_columns(spec.warehouse, source)
    plans: list[NewTable] = []
    broken: list[CdpError] = []
    with scratch(spec) as con:
        for table in source.tables:
            try:
                plans.append(_new_table(con, spec, source, table, read, known.get(table.name, set())))
            except UsageError:
                raise
            except CdpError as error:
                broken.append(error)
    if broken:
        raise PartialError("\n".join(str(error) for error in broken), hint=broken[0].hint)
    return plans


def _plan_fetched(spec: LoadSpec, source: SourceSpec) -> list[NewTable]:
    """Ask the source; what it gave and raw does not have yet is the delivery of each table."""
    known = raw_columns(spec.warehouse, source)
    answers = fetch.fetch_source(spec, source, fetch.last_cursors(spec.warehouse, source))
    plans = []
    with scratch(spec) as con:
        for table in source.tables:
            answer = answers[table.name]
            had = known.get(table.name, set())
            if source.connector == "sql":
                found = set(readers.layout(con, answer.file, table, had).names.values())
                _check_mapped(source, table, answer.file, found, had)
            one = fetch.deliver(con, spec, source, table, answer, had)
            # The first answer makes the table, were it empty: staging reads it.
            files = [one.file] if one.rows or not had else []
            plans.append(NewTable(table, files, one.columns, {}, one.cursor))
    return plans


def _new_table(
    con: duckdb.DuckDBPyConnection,
    spec: LoadSpec,
    source: SourceSpec,
    table: TableSpec,
    read: ReadFiles,
    known: set[str],
) -> NewTable:
    listed = list_files(spec.root, table.path)
    if not listed and not any(name == table.name for name, *_ in read.seen):
        raise CdpError(
            f"{source.name}.{table.name}: no file matches {table.path}",
            hint="put the delivery there, or correct `path` in cdp.yml",
        )
    new = [file for file in listed if not read.has(table.name, file)]
    # DuckDB compares names without regard to case: `email` after `Email` is the same column, spelled as before.
    columns: dict[str, str] = {}
    spelled = {column.lower(): column for column in known}
    if table.path.removesuffix(".gz").endswith(".jsonl"):
        columns = {column.lower(): spelled.get(column.lower(), column) for column in table.columns}
    broken: list[CdpError] = []
    layouts: dict[FileRef, readers.Layout] = {}
    for file in new:
        try:
            layouts[file] = readers.layout(con, file, table, known)
            found = layouts[file].names.values()
        except CdpError as error:
            broken.append(error)
            continue
        if readers.kind_of(file.path) != "jsonl":
            _check_mapped(source, table, file, set(found), known)
        for column in found:
            columns.setdefault(column.lower(), spelled.get(column.lower(), column))
    for column in table.optional if new else ():
        columns.setdefault(column.lower(), spelled.get(column.lower(), column))
    if broken:
        raise CdpError("\n".join(str(error) for error in broken), hint=broken[0].hint)
    return NewTable(table, new, list(columns.values()), layouts)


def _check_mapped(
    source: SourceSpec, table: TableSpec, file: FileRef, found: set[str], known: set[str]
) -> None:
    has_lower, known_lower = {column.lower() for column in found}, {column.lower() for column in known}
    missing = [column for column in table.columns if column.lower() not in has_lower]
    if not missing:
        return
    names = ", ".join(f"`{column}`" for column in missing)
    if len(missing) == len(table.columns):
        # Then the first line may be somebody's row: its words are not repeated.
        has = f"its first line names none of the mapped columns ({len(found)} fields): is it a header?"
    else:
        has = "it has " + ", ".join(f"`{column}`" for column in sorted(found))
    message = f"{source.name}.{table.name}: {file.label} has no column {names}; {has}"
    if {column.lower() for column in missing} <= known_lower:
        raise CdpError(
            f"{message}; earlier deliveries had it",
            hint="ask the source why it vanished, or take it out of the mapping in cdp.yml",
        )
    raise UsageError(
        message, hint="correct the column under `columns`, `key`, `updated_at` or `questions` in cdp.yml"
    )


def list_files(root: Path, pattern: str) -> list[FileRef]:
    """Files that match a glob below the company's folder, in name order."""
    base = Path(pattern)
    paths = (
        Path(base.anchor).glob(str(base.relative_to(base.anchor)))
        if base.is_absolute()
        else root.glob(pattern)
    )
    files = []
    for path in sorted(path for path in paths if path.is_file()):
        stat = path.stat()
        label = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        files.append(FileRef(path, label, stat.st_size, stat.st_mtime_ns))
    return files


def read_files(warehouse: Path, source: SourceSpec) -> ReadFiles:
    """Every file whose rows are completely in raw."""
    with duckdb.connect(str(warehouse)) as con:
        columns = _columns(con, source.schema, FILES_TABLE)
        if not columns:
            return ReadFiles(set(), {})
        # Files read by an earlier version have no hash.
        content_hash = "content_hash" if "content_hash" in columns else "null"
        rows = con.execute(
            f"select table_name, file, size, mtime_ns, {content_hash} from {source.schema}.{FILES_TABLE} files"
            f" join {source.schema}._dlt_loads loads on files._dlt_load_id = loads.load_id where loads.status = 0"
        ).fetchall()
    contents: dict[tuple[str, str, int], set[str]] = {}
    for table, file, size, _, found in rows:
        if found is not None:
            contents.setdefault((str(table), str(file), int(size)), set()).add(str(found))
    return ReadFiles({(str(a), str(b), int(c), int(d)) for a, b, c, d, _ in rows}, contents)


def raw_columns(warehouse: Path, source: SourceSpec) -> dict[str, set[str]]:
    """Delivered columns that each raw table of the source already has."""
    found: dict[str, set[str]] = {}
    with duckdb.connect(str(warehouse)) as con:
        rows = con.execute(
            "select table_name, column_name from information_schema.columns where table_schema = ?",
            [source.schema],
        ).fetchall()
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return found


def next_load_seq(warehouse: Path, source: SourceSpec) -> int:
    """The integer of the next load: one more than any load that ever reached raw."""
    with duckdb.connect(str(warehouse)) as con:
        if not _has_table(con, source.schema, FILES_TABLE):
            return 1
        row = con.execute(
            f"select coalesce(max(_cdp_load_seq), 0) + 1 from {source.schema}.{FILES_TABLE}"
        ).fetchall()
    return int(row[0][0])


def has_pending(spec: LoadSpec, source: SourceSpec) -> bool:
    """Did a killed run leave a package? Looked up in dlt's folders, without importing dlt."""
    home = spec.state / _name(source)
    folders = (home / "normalize" / "extracted", home / "load" / "new", home / "load" / "normalized")
    return any(child.is_dir() for folder in folders if folder.is_dir() for child in folder.iterdir())


def _drain(spec: LoadSpec, source: SourceSpec) -> None:
    """Finish the package a killed run left behind. Raises CdpError when it cannot be loaded; it is kept."""
    _settle(spec, source)
    try:
        pipeline = _pipeline(spec, source)
        pipeline.sync_destination()
        pipeline.normalize()
        pipeline.load()
    except Exception as error:
        raise _explain(error, source) from error
    _purge(spec, source)


def _settle(spec: LoadSpec, source: SourceSpec) -> None:
    """Drop what a package was normalised from, where a kill came between dlt's rename and its delete.

    dlt normalises whatever it finds extracted, and then cannot put the result where the finished package stands already.
    """
    home = spec.state / _name(source)
    for done in (home / "load" / "normalized").glob("*"):
        shutil.rmtree(home / "normalize" / "extracted" / done.name, ignore_errors=True)
        shutil.rmtree(home / "load" / "new" / done.name, ignore_errors=True)


def _load(
    spec: LoadSpec,
    source: SourceSpec,
    tables: list[NewTable],
    run_id: str,
    result: SourceLoad,
    progress: Progress | None,
) -> None:
    import dlt

    _purge(spec, source)
    pipeline = _pipeline(spec, source)
    load_seq = next_load_seq(spec.warehouse, source)
    counts: dict[tuple[str, str], int] = {}

    def rows(table: NewTable) -> Iterator[Any]:
        stamp = readers.Stamp(load_seq, dlt.current.load_package_state()["load_id"])
        columns = _package_columns(pipeline, table)
        hints = _package_schema(columns).empty_table()
        with scratch(spec) as con, _rows_file(spec) as target:
            for file in table.files:
                if source.fetched:
                    seen = fetch.restamp(con, file, columns, stamp, target)
                else:
                    seen = readers.write(con, file, table.spec, table.layouts[file], columns, stamp, target)
                if progress:
                    progress(source.name, table.spec.name, seen)
                counts[(table.spec.name, file.label)] = seen
                # dlt has linked or copied the file into its package when it asks for the next one.
                yield dlt.mark.with_file_import(str(target), "parquet", seen, hints)
                target.unlink()

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
    except CdpError:
        raise
    except Exception as error:
        raise _explain(error, source) from error
    failpoints.reach("load.loaded")
    _purge(spec, source)
    result.files = sum(len(table.files) for table in tables)
    for (table_name, _), count in counts.items():
        result.received[table_name] = result.received.get(table_name, 0) + count


def _manifest(
    tables: list[NewTable], counts: dict[tuple[str, str], int], load_seq: int, run_id: str
) -> pa.Table:
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


def _package_columns(pipeline: Any, table: NewTable) -> list[str]:
    """Columns of the package in the order of dlt's schema: dlt would rewrite a file that differs from it."""
    schemas = pipeline.schemas
    known: dict[str, Any] = {}
    for name in schemas:
        known |= schemas[name].tables.get(table.spec.name, {}).get("columns", {})
    columns = {column.lower(): column for column in known}
    for column in (*table.columns, *readers.META, "_dlt_load_id"):
        columns.setdefault(column.lower(), column)
    return list(columns.values())


def _package_schema(columns: list[str]) -> pa.Schema:
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


def _pipeline(spec: LoadSpec, source: SourceSpec) -> Any:
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


def _purge(spec: LoadSpec, source: SourceSpec) -> None:
    """Delete dlt's finished packages, and extracts that were cut short: they hold people's rows."""
    home = spec.state / _name(source)
    shutil.rmtree(home / "load" / "loaded", ignore_errors=True)
    if (home / "normalize").is_dir():
        for child in (home / "normalize").iterdir():
            if child.is_dir() and child.name != "extracted":
                shutil.rmtree(child, ignore_errors=True)


def _explain(error: Exception, source: SourceSpec) -> CdpError:
    root: BaseException = error
    while (inner := root.__cause__ or root.__context__) is not None:
        root = inner
    if isinstance(root, CdpError):
        return root
    reason = str(root).strip().split("Input:")[0].splitlines()[:1]
    return CdpError(
        f"{source.name}: loading failed: {reason[0][:300] if reason else type(root).__name__}",
        hint="run `cdp doctor`; the next `cdp run` takes the load up where it stopped",
    )


def _has_table(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    return bool(_columns(con, schema, table))


def _columns(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> set[str]:
    found = con.execute(
        "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    return {str(row[0]) for row in found}
