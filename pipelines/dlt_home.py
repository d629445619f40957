"""dlt's own folder of a source (`.cdp/dlt/cdp_<source>`): what lies there, what must go, and how a pipeline is opened on it."""

import os
import shutil
from typing import Any

from pipelines.errors import CdpError
from pipelines.rows import OtherNamesError
from pipelines.specs import LoadSpec, SourceSpec


def open_pipeline(spec: LoadSpec, source: SourceSpec) -> Any:
    """The source's dlt pipeline: its folder in `state`, its dataset in the warehouse."""
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false",
        # what goes wrong is told once, in our words (`explain`); dlt would print its traceback too
        RUNTIME__LOG_LEVEL="CRITICAL",
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
    # encodings of text, zstd costs a third of what trying out and building its dictionaries does, in the same space. Tables of
    # models are not written anew because of a load (profiles.yml).
    credentials = DuckDbCredentials(
        str(spec.warehouse),
        global_config={
            "memory_limit": spec.memory_limit,
            "temp_directory": str(spec.temp),
            "max_temp_directory_size": spec.temp_limit,
            "preserve_insertion_order": False,
            "force_compression": "zstd",
            "max_vacuum_tasks": 0,
        },
    )
    destination = dlt.destinations.duckdb(credentials)
    pipeline = dlt.pipeline(
        _name(source), pipelines_dir=str(spec.state), destination=destination, dataset_name=source.schema
    )
    pipeline.activate()
    return pipeline


def has_pending(spec: LoadSpec, source: SourceSpec) -> bool:
    """Did a killed run leave a package? Looked up in dlt's folders, without importing dlt."""
    home = spec.state / _name(source)
    folders = (home / "normalize" / "extracted", home / "load" / "new", home / "load" / "normalized")
    return any(child.is_dir() for folder in folders if folder.is_dir() for child in folder.iterdir())


def settle(spec: LoadSpec, source: SourceSpec) -> None:
    """Drop what a package was normalised from, where a kill came between dlt's rename and its delete.

    dlt normalises whatever it finds extracted, and then cannot put the result where the finished package stands already.
    """
    home = spec.state / _name(source)
    for done in (home / "load" / "normalized").glob("*"):
        shutil.rmtree(home / "normalize" / "extracted" / done.name, ignore_errors=True)
        shutil.rmtree(home / "load" / "new" / done.name, ignore_errors=True)


def purge(spec: LoadSpec, source: SourceSpec) -> None:
    """Delete dlt's finished packages, and extracts that were cut short: they hold people's rows."""
    home = spec.state / _name(source)
    shutil.rmtree(home / "load" / "loaded", ignore_errors=True)
    if (home / "normalize").is_dir():
        for child in (home / "normalize").iterdir():
            if child.is_dir() and child.name != "extracted":
                shutil.rmtree(child, ignore_errors=True)


def _name(source: SourceSpec) -> str:
    return f"cdp_{source.name}"


def explain(error: Exception, source: SourceSpec) -> Exception:
    """What lies under dlt's exceptions: ours as it is, any other in words, without the data it may quote."""
    root: BaseException = error
    while not isinstance(root, CdpError | OtherNamesError):
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
