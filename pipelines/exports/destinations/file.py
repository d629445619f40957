"""The file destination: CSV, JSONL or Parquet, always the whole set of rows that should be there.

Data flow: rows in the warehouse  -> .<name>.tmp beside the target, fsync  -> rename  ->
<name>.manifest.json

A reader sees the old file or the new one, never a part. The manifest has the number of rows, the SHA-256 of
the file, and a fingerprint of the set; when both still match, an unchanged set is not written again. A kill
between the two replacements leaves a manifest that does not match, so the next run writes both anew.

A new file can be read by its owner and group (0640); one that is replaced keeps its permissions. In a CSV, text that a
spreadsheet could run as a formula gets one quote in front (CWE-1236); `restored` takes exactly that quote off again.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Literal, Self

import duckdb
from pydantic import Field, model_validator

from pipelines.exports.destinations.base import Kind, Opening, SetState
from pipelines.exports.destinations.options import Options
from pipelines.exports.schema import quoted
from pipelines.exports.values import text

FORMATS = ("csv", "jsonl", "parquet")
FORMS = {
    "csv": "format csv, header",
    "jsonl": "format json",
    "parquet": "format parquet, compression zstd",
}
PERMISSIONS = 0o640
# `=`, `+`, `-`, `@` (of full width too), tab and line breaks, also behind blanks and quotes: what spreadsheets skip
FORMULA = (
    "[\t\n\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000'\"]*"
    "[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n]"
)
TEXT = ("VARCHAR", "JSON", "ENUM")
CHUNK = 1 << 20


class FileOptions(Options):
    """Options of type `file`."""

    path: str = Field(min_length=1)
    format: Literal["csv", "jsonl", "parquet"] | None = None
    formula_cells: Literal["neutralise", "keep"] = "neutralise"

    @model_validator(mode="after")
    def _has_format(self) -> Self:
        if self.format_name not in FORMATS:
            raise ValueError(f"option `path`: no format by its ending; formats: {', '.join(FORMATS)}")
        return self

    @property
    def format_name(self) -> str:
        """The format, named or by the ending of the path."""
        return self.format or Path(self.path).suffix.lstrip(".")


class FileDestination:
    """One file of one sync."""

    def __init__(self, path: Path, format_name: str, *, neutralise: bool = True) -> None:
        self._path = path
        self._format = format_name
        self._neutralise = neutralise
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._manifest = path.with_name(f"{path.name}.manifest.json")

    def holds(self, state: SetState) -> bool:
        """The manifest names this set, and the file is still the one it was written for."""
        # what a kill left half written holds personal data; nothing else would ever delete it
        self._temporary.unlink(missing_ok=True)
        try:
            manifest = json.loads(self._manifest.read_text(encoding="utf-8"))
            return bool(
                manifest["fingerprint"] == self._fingerprint(state)
                and manifest["sha256"] == _sha256(self._path)
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False

    def write(self, con: duckdb.DuckDBPyConnection, state: SetState) -> None:
        """Write all rows to a temporary file and swap it in."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # only the owner may read it before it has the permissions of the file it replaces
            os.close(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            con.execute(self._copy(con, state))
            held = self._path.stat().st_mode & 0o777 if self._path.exists() else PERMISSIONS
            self._temporary.chmod(held)
            digest = _sha256(self._temporary)
            _replace(self._temporary, self._path)
        except BaseException:
            self._temporary.unlink(missing_ok=True)
            raise
        self._write_manifest(state, digest)

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _copy(self, con: duckdb.DuckDBPyConnection, state: SetState) -> str:
        cells = [quoted(column) for column in state.columns]
        if self._format == "csv" and self._neutralise:
            described = con.execute(f"describe select {', '.join(cells)} {state.source}").fetchall()
            cells = [
                safe_cell(str(name)) if _is_text(str(kind)) else quoted(name) for name, kind, *_ in described
            ]
        rows = f"select {', '.join(cells)} {state.source}"
        return f"copy ({rows}) to {text(str(self._temporary))} ({FORMS[self._format]}, use_tmp_file false)"

    def _fingerprint(self, state: SetState) -> str:
        """The set in the form this file gives it: another format or other columns make another file."""
        rules = FORMULA if self._neutralise else None
        form = [state.fingerprint, self._format, rules, *state.columns]
        return hashlib.sha256(json.dumps(form).encode()).hexdigest()

    def _write_manifest(self, state: SetState, digest: str) -> None:
        manifest = {
            "file": self._path.name,
            "rows": state.rows,
            "sha256": digest,
            "fingerprint": self._fingerprint(state),
            "columns": list(state.columns),
            "run_id": state.run_id,
            "written_at": state.now.isoformat(),
        }
        temporary = self._manifest.with_name(f".{self._manifest.name}.tmp")
        temporary.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        temporary.chmod(self._path.stat().st_mode & 0o777)
        _replace(temporary, self._manifest)


def safe_cell(column: str) -> str:
    """A text column in which no cell is a formula to a spreadsheet. Only text needs it: -5 in a number column is a number.

    What has the quote already, and would be taken for ours, gets another one: so that it can be told apart.
    """
    name = quoted(column)
    is_formula = f"regexp_matches(cast({name} as varchar), {text('^' + FORMULA)})"
    return f"if({is_formula}, chr(39) || {name}, cast({name} as varchar)) as {name}"


def restored(cell: str) -> str:
    """The text behind a cell of a CSV file: without the quote that `safe_cell` put there, and only that one."""
    return cell[1:] if cell.startswith("'") and re.match(FORMULA, cell[1:]) else cell


def _is_text(kind: str) -> bool:
    return kind.startswith(TEXT) and not kind.endswith("]")


def _replace(temporary: Path, target: Path) -> None:
    """Swap a finished file in, durably: its bytes first, then its name."""
    _fsync(temporary)
    temporary.replace(target)
    _fsync(target.parent)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _write_once(options: FileOptions, operations: int) -> int:
    """One write, whatever changed."""
    return 1


def _target(options: FileOptions, sync: str) -> str:
    """The path; `{sync}` in it stands for the name of the sync."""
    return str(Path(options.path.replace("{sync}", sync)))


def _open(options: FileOptions, opening: Opening) -> FileDestination:
    """The file of one sync."""
    return FileDestination(
        Path(_target(options, opening.sync)),
        options.format_name,
        neutralise=options.formula_cells == "neutralise",
    )


KIND = Kind(
    options=FileOptions, modes=("upsert", "mirror"), open_set=_open, requests=_write_once, target=_target
)
