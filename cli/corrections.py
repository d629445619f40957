"""A file of corrected rows, as `cdp quarantine list --out` writes it and a person edits it: written, read, checked.

One JSON object a line: `source`, `table`, `load_id`, `file`, `position` name the rejected row; `row` holds its columns. A line
whose `row` was not changed is left alone, so the file may be corrected in portions and given again.
"""

import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cli.config import Company
from cli.generate import source_specs
from cli.warehouse import has_table, quoted
from pipelines.compare import DELETED
from pipelines.errors import UsageError
from pipelines.replay import REPLAYS_TABLE, Correction, RowRef

OURS = ("_cdp_", "_dlt_")
Key = tuple[str, str]
Values = dict[str, str]
# Line, and what is wrong there.
Problem = tuple[int, str]


@dataclass(frozen=True)
class Line:
    """One line of the file: what it is about, and the row as it now reads (None: no row is given)."""

    number: int
    table: Key
    ref: RowRef
    row: Mapping[str, Any] | None


@dataclass
class Plan:
    """What of a file is to be loaded, by source and table; the rest is counted."""

    corrections: dict[str, dict[str, list[Correction]]] = field(default_factory=dict)
    lines: list[tuple[Key, RowRef]] = field(default_factory=list)
    unchanged: int = 0
    before: int = 0

    @property
    def rows(self) -> int:
        """Rows to load."""
        return sum(len(rows) for tables in self.corrections.values() for rows in tables.values())


@dataclass(frozen=True)
class _Known:
    """What the warehouse knows of one table: rows in quarantine, what was replayed, raw rows, raw columns by lower case."""

    rejected: set[RowRef]
    replaced: Mapping[RowRef, RowRef]
    first: Mapping[RowRef, RowRef]
    raw: Mapping[RowRef, Values]
    columns: Mapping[str, str]
    keeps_empty: bool


def write(
    con: duckdb.DuckDBPyConnection, company: Company, rows: Sequence[Mapping[str, Any]], path: Path
) -> int:
    """Write rejected rows (as `quarantine.rows` lists them) for correction, readable by their owner only. Returns their number.

    A row that its source has deleted is left out. Raises UsageError when the file is there already or cannot be written.
    """
    by_table: dict[Key, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_table.setdefault((row["source"], row["table"]), []).append(row)
    texts: list[str] = []
    for key, mine in by_table.items():
        refs = [RowRef(row["load_id"], row["file"], row["position"]) for row in mine]
        known = _known(con, company, key, refs)
        mapped = _mapped(company, key)
        for row, ref in zip(mine, refs, strict=True):
            if known.raw.get(ref, {}).get(DELETED) != "true":
                texts.append(_json(_exported(row, known, ref, mapped)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already", hint="name another file: it may hold corrections"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", hint="name a file that can be written"
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.writelines(text + "\n" for text in texts)
    return len(texts)


def read(path: Path) -> tuple[list[Line], list[Problem]]:
    """The lines of a file, and what is wrong with those that are none.

    Raises UsageError when there is no such file, or it is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(
            f"{path} cannot be read: {why}", hint="`cdp quarantine list --out FILE` writes such a file"
        ) from error
    lines: list[Line] = []
    problems: list[Problem] = []
    for number, one in enumerate(text.split("\n"), start=1):
        if one.strip():
            found = _line(number, one)
            if isinstance(found, Line):
                lines.append(found)
            else:
                problems.append((number, found))
    return lines, problems


def check(con: duckdb.DuckDBPyConnection, company: Company, path: Path) -> Plan:
    """Hold a file of corrections against the warehouse.

    Raises UsageError with everything that is wrong, each with file:line; then nothing of it may be loaded.
    """
    lines, problems = read(path)
    plan = Plan()
    tables = {(source.name, table.name) for source in company.sources for table in source.tables}
    for line in lines:
        if line.table not in tables:
            names = ", ".join(sorted(".".join(key) for key in tables))
            problems.append((line.number, f"no table {'.'.join(line.table)} in cdp.yml; it has {names}"))
    seen: dict[tuple[Key, RowRef], int] = {}
    for key in sorted(tables & {line.table for line in lines}):
        mine = [line for line in lines if line.table == key]
        known = _known(con, company, key, [line.ref for line in mine])
        for line in mine:
            twin = seen.setdefault((key, line.ref), line.number)
            same = f"corrects the same row as line {twin}" if twin != line.number else None
            if told := same or _take(line, known, plan):
                problems.append((line.number, told))
    if problems:
        listed = "\n".join(f"  {path.name}:{number}: {text}" for number, text in sorted(problems))
        raise UsageError(
            f"{path.name}: {len(problems)} problem{'s' if len(problems) > 1 else ''}, nothing was loaded\n{listed}",
            hint="correct these lines; `cdp quarantine list --out FILE` writes the rows that are in quarantine now",
        )
    return plan


def _line(number: int, text: str) -> Line | str:
    try:
        found = _parsed(text)
    except ValueError as error:
        return f"not JSON: {getattr(error, 'msg', 'unreadable')}"
    if not isinstance(found, dict):
        return "the line is not a JSON object"
    lacks = [name for name in ("source", "table", "load_id", "file") if not isinstance(found.get(name), str)]
    if not str(found.get("position", "")).isdigit():
        lacks.append("position")
    if lacks:
        return f"{', '.join(f'`{name}`' for name in lacks)} is missing: it names the row in quarantine"
    row = found.get("row")
    if row is not None and not isinstance(row, dict):
        return "`row` must be a JSON object of columns"
    ref = RowRef(found["load_id"], found["file"], int(found["position"]))
    return Line(number, (found["source"], found["table"]), ref, row)


def _take(line: Line, known: _Known, plan: Plan) -> str | None:
    """Put one line where it belongs in the plan; says what is wrong with it, if anything is."""
    if line.ref not in known.rejected:
        return (
            "no such row is in quarantine (`load_id`, `file` and `position` must stay as they were written)"
            if line.ref not in known.raw
            else "this row is not in quarantine any more: it was taken"
        )
    if known.raw[line.ref].get(DELETED) == "true":
        return "the source has deleted this row"
    if line.row is None:
        plan.unchanged += 1
        return None
    values, unknown = _values(line.row, known)
    if unknown:
        return "; ".join(unknown)
    replacement = known.replaced.get(line.ref)
    now = values == _compared(known.raw[line.ref], known)
    if replacement is not None and not now:
        if values != _compared(known.raw.get(replacement, {}), known):
            where = f"{replacement.file}:{replacement.position} (load {replacement.load_id})"
            return f"this row was replayed already, as {where}; if that is wrong too, correct that row"
        plan.before += 1
        plan.lines.append((line.table, line.ref))
        return None
    if now:
        plan.unchanged += 1
        return None
    source, table = line.table
    one = Correction(line.number, line.ref, known.first.get(line.ref, line.ref), values)
    plan.corrections.setdefault(source, {}).setdefault(table, []).append(one)
    plan.lines.append((line.table, line.ref))
    return None


def _values(row: Mapping[str, Any], known: _Known) -> tuple[Values, list[str]]:
    """A corrected row as raw spells and writes it, and the columns that raw does not have."""
    values: Values = {}
    unknown = []
    for name, value in row.items():
        column = known.columns.get(name.lower())
        if column is None:
            near = difflib.get_close_matches(name.lower(), known.columns, n=1)
            meant = f"; did you mean `{known.columns[near[0]]}`?" if near else ""
            unknown.append(f"the table has no column `{name}`{meant}")
        elif column in values:
            unknown.append(f"column `{column}` stands there twice")
        elif value is not None:
            values[column] = _text(value)
    return {name: text for name, text in values.items() if text or known.keeps_empty}, unknown


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else _json(value)


class _Number(str):
    """A number of JSON as it was written: 10.50 is not 10.5 in a delivery."""


def _parsed(text: str) -> Any:
    return json.loads(text, parse_float=_Number, parse_int=_Number)


def _json(value: Any) -> str:
    """JSON without spaces, numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(str(name))}:{_json(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _compared(raw: Values, known: _Known) -> Values:
    return {
        name: text
        for name, text in raw.items()
        if not name.lower().startswith(OURS) and (text or known.keeps_empty)
    }


def _exported(row: Mapping[str, Any], known: _Known, ref: RowRef, mapped: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {
        name: row[name] for name in ("source", "table", "load_id", "file", "position", "reason")
    }
    has = _compared(known.raw.get(ref, {}), known)
    if not has:
        # A broken line: what it says, and the columns that are wanted.
        return out | {"raw": row["raw"], "row": None, "columns": list(mapped)}
    # A column that is needed and empty is written, so that it can be filled.
    columns = dict.fromkeys([*has, *(known.columns[n.lower()] for n in mapped if n.lower() in known.columns)])
    return out | {"row": {name: _shown(has.get(name), known) for name in columns}}


def _shown(text: str | None, known: _Known) -> Any:
    """Nested values as JSON, where they come back as the same text."""
    if text and known.keeps_empty and text[0] in "{[":
        try:
            value = _parsed(text)
        except ValueError:
            return text
        if _json(value) == text:
            return value
    return text


def _mapped(company: Company, key: Key) -> tuple[str, ...]:
    found = [
        table
        for source in source_specs(company)
        for table in source.tables
        if (source.name, table.name) == key
    ]
    return tuple(dict.fromkeys([*found[0].key, *found[0].columns])) if found else ()


def _known(con: duckdb.DuckDBPyConnection, company: Company, key: Key, refs: Sequence[RowRef]) -> _Known:
    source, table = key
    rejected: set[RowRef] = set()
    if has_table(con, "quarantine", "rows"):
        found = con.execute(
            "select load_id, file, position from quarantine.rows where source = ? and source_table = ?",
            [*key],
        ).fetchall()
        rejected = {RowRef(*row) for row in found}
    replaced: dict[RowRef, RowRef] = {}
    first: dict[RowRef, RowRef] = {}
    if has_table(con, f"raw_{source}", REPLAYS_TABLE):
        for row in _replays(con, key):
            new = RowRef(*row[:3])
            replaced[RowRef(*row[3:6])] = new
            first[new] = RowRef(*row[6:9])
    raw = dict(_raw_rows(con, key, [*refs, *(replaced[ref] for ref in refs if ref in replaced)]))
    columns = {
        str(name).lower(): str(name)
        for (name,) in con.execute(
            "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
            [f"raw_{source}", table],
        ).fetchall()
        if not str(name).lower().startswith(OURS)
    }
    paths = [
        one.path or ""
        for source_ in company.sources
        if source_.name == source
        for one in source_.tables
        if one.name == table
    ]
    keeps_empty = not any(path.removesuffix(".gz").endswith(".csv") for path in paths)
    return _Known(rejected, replaced, first, raw, columns, keeps_empty)


def _replays(con: duckdb.DuckDBPyConnection, key: Key) -> list[tuple[Any, ...]]:
    source, table = key
    return con.execute(
        "select distinct _dlt_load_id, file, position, replaces_load_id, replaces_file, replaces_position,"
        f" first_load_id, first_file, first_position from raw_{source}.{REPLAYS_TABLE} where table_name = ?"
        f" and _dlt_load_id in (select load_id from raw_{source}._dlt_loads where status = 0)",
        [table],
    ).fetchall()


def _raw_rows(
    con: duckdb.DuckDBPyConnection, key: Key, refs: Sequence[RowRef]
) -> Iterator[tuple[RowRef, Values]]:
    """Raw rows as delivered: their columns that hold something."""
    source, table = key
    if not refs or not has_table(con, f"raw_{source}", table):
        return
    wanted = [[ref.load_id for ref in refs], [ref.file for ref in refs], [ref.position for ref in refs]]
    found = con.execute(
        f"select raw.* from raw_{source}.{quoted(table)} as raw"
        " semi join (select unnest(?::varchar[]) as l, unnest(?::varchar[]) as f, unnest(?::bigint[]) as p) as wanted"
        " on raw._dlt_load_id = wanted.l and raw._cdp_file = wanted.f and raw._cdp_position = wanted.p",
        wanted,
    )
    names = [str(column[0]) for column in found.description or ()]
    for row in found.fetchall():
        values = dict(zip(names, row, strict=True))
        ref = RowRef(values["_dlt_load_id"], values["_cdp_file"], values["_cdp_position"])
        yield ref, {name: str(value) for name, value in values.items() if value is not None}
