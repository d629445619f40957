"""Corrected rows -> a new load of their source, each with the row it replaces.

Data flow: corrections (checked by `cli/replay.py`)  ->  JSON lines in the load's temporary folder  ->  one dlt package:
the rows into `raw_<source>.<table>`, their count into `_cdp_files`, what they replace into `_cdp_replays`.

The rows are read by the reader that read the delivery, so text, hash and position mean the same; the position is the line in
the file of corrections. Raw stays append-only: the replaced row keeps its place and its count.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines import dlt_home, package
from pipelines.history import raw_columns
from pipelines.load import SourceLoad, counted
from pipelines.plans import new_table
from pipelines.scratch import scratch
from pipelines.specs import FileRef, LoadSpec, SourceSpec, silent

REPLAYS_TABLE = "_cdp_replays"
LABEL = "replay:"


@dataclass(frozen=True)
class RowRef:
    """One physical row of raw."""

    load_id: str
    file: str
    position: int


@dataclass(frozen=True)
class Correction:
    """A corrected row: its line in the file of corrections, what it replaces, and where that chain began."""

    line: int
    replaces: RowRef
    first: RowRef
    values: Mapping[str, str]


def drain(spec: LoadSpec, source: SourceSpec) -> bool:
    """Finish what a killed load left; True when there was something. Raises CdpError when it cannot be loaded."""
    if not dlt_home.has_pending(spec, source):
        return False
    package.drain(spec, source)
    return True


def load_corrections(
    spec: LoadSpec,
    source: SourceSpec,
    tables: Mapping[str, Sequence[Correction]],
    name: str,
    run_id: str,
) -> SourceLoad:
    """Load corrections of one source as one package; `name` is what their file is called.

    Raises CdpError when it cannot be loaded; the package is kept and the next load finishes it.
    """
    known = raw_columns(spec.warehouse, source)
    folder = spec.temp / "replay"
    folder.mkdir(parents=True, exist_ok=True)
    plans = []
    with scratch(spec) as con:
        for table in source.tables:
            if rows := tables.get(table.name):
                file = _written(folder / f"{source.name}.{table.name}.jsonl", LABEL + name, rows)
                plain = replace(table, path=file.path.name, encoding=None, delimiter=None, header_rows=1)
                had = known.get(table.name, set())
                plans.append(new_table(con, source, plain, [file], had, True, hashed=source.fetched))
    also = {REPLAYS_TABLE: lambda load_seq: _replays(tables, LABEL + name, load_seq)}
    # Whatever the connector, the rows now lie in a file.
    counts = package.load_package(spec, replace(source, connector="files"), plans, run_id, silent, also)
    return counted(SourceLoad(source.name), plans, counts)


def _written(path: Path, label: str, rows: Sequence[Correction]) -> FileRef:
    """The rows as JSON lines, each on the line it has in the file of corrections; the lines of others are blank."""
    by_line = {one.line: one.values for one in rows}
    with path.open("w", encoding="utf-8") as out:
        for line in range(1, max(by_line) + 1):
            text = json.dumps(by_line[line], ensure_ascii=False) if line in by_line else ""
            out.write(text + "\n")
    stat = path.stat()
    return FileRef(path, label, stat.st_size, stat.st_mtime_ns)


def _replays(tables: Mapping[str, Sequence[Correction]], label: str, load_seq: int) -> Any:
    found = [(name, one) for name, rows in tables.items() for one in rows]
    columns: dict[str, tuple[list[Any], pa.DataType]] = {
        "table_name": ([name for name, _ in found], pa.string()),
        "file": ([label] * len(found), pa.string()),
        "position": ([one.line for _, one in found], pa.int64()),
    }
    for prefix, refs in (
        ("replaces", [one.replaces for _, one in found]),
        ("first", [one.first for _, one in found]),
    ):
        columns[f"{prefix}_load_id"] = ([ref.load_id for ref in refs], pa.string())
        columns[f"{prefix}_file"] = ([ref.file for ref in refs], pa.string())
        columns[f"{prefix}_position"] = ([ref.position for ref in refs], pa.int64())
    columns["_cdp_load_seq"] = ([load_seq] * len(found), pa.int64())
    return pa.table({name: pa.array(values, kind) for name, (values, kind) in columns.items()})
