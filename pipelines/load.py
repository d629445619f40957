"""New files of a source -> one dlt package -> append-only `raw_<source>`.

What was read is remembered in `raw_<source>._cdp_files`, which travels in the same package as the rows: a file
counts as read exactly when its rows are complete. dlt's `run()` first finishes a package that a killed run
left behind, and returns; so we drain first, look again at what is new, and only then extract.
"""

import shutil
from dataclasses import dataclass, field

from pipelines import dlt_home, failpoints, package
from pipelines.errors import CdpError, UsageError
from pipelines.plans import NewTable, plan
from pipelines.readers import OtherNamesError
from pipelines.specs import LoadSpec, Progress, SourceSpec, silent


@dataclass
class SourceLoad:
    """Result of one source: rows received and columns added per table, or why it failed."""

    source: str
    files: int = 0
    received: dict[str, int] = field(default_factory=dict)
    added: dict[str, list[str]] = field(default_factory=dict)
    drained: bool = False
    error: CdpError | None = None


def load_sources(
    spec: LoadSpec, sources: list[SourceSpec], run_id: str, progress: Progress = silent
) -> list[SourceLoad]:
    """Load what is new in each source; one source's failure does not stop the others.

    Raises UsageError before anything is loaded when a mapped column never existed in its file.
    """
    try:
        return _load_all(spec, sources, run_id, progress)
    finally:
        # What was fetched lies there, as people's rows; scratch databases spilled there.
        shutil.rmtree(spec.temp, ignore_errors=True)


def _load_all(spec: LoadSpec, sources: list[SourceSpec], run_id: str, progress: Progress) -> list[SourceLoad]:
    results = {source.name: SourceLoad(source.name) for source in sources}
    plans: dict[str, list[NewTable]] = {}
    for source in sources:
        result = results[source.name]
        try:
            if dlt_home.has_pending(spec, source):
                result.drained = True
                package.drain(spec, source)
            plans[source.name] = plan(spec, source, progress)
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


def _load(
    spec: LoadSpec,
    source: SourceSpec,
    tables: list[NewTable],
    run_id: str,
    result: SourceLoad,
    progress: Progress,
) -> None:
    """Load the tables' new rows, and count them."""
    try:
        counts = package.load_package(spec, source, tables, run_id, progress)
    except OtherNamesError:
        # A large file holds names that its sample did not: every file is looked through, and all is read again.
        tables = plan(spec, source, progress, exact=True)
        counts = package.load_package(spec, source, tables, run_id, progress)
    counted(result, tables, counts)


def counted(result: SourceLoad, tables: list[NewTable], counts: package.Counts) -> SourceLoad:
    """Write into the result what a package brought."""
    result.files = sum(len(table.files) for table in tables)
    result.added = {table.spec.name: list(table.added) for table in tables if table.added}
    for (table_name, _), count in counts.items():
        result.received[table_name] = result.received.get(table_name, 0) + count
    return result
