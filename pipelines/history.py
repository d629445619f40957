"""What raw already holds: files read, cursors reached, columns, the last load's number. Only complete loads count."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines import delivered
from pipelines.specs import FileRef, SourceSpec

FILES_TABLE = "_cdp_files"


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
        if not _columns(con, source.schema, FILES_TABLE):
            return 1
        row = con.execute(
            f"select coalesce(max(_cdp_load_seq), 0) + 1 from {source.schema}.{FILES_TABLE}"
        ).fetchall()
    return int(row[0][0])


def last_cursors(warehouse: Path, source: SourceSpec) -> dict[str, str]:
    """Per table the cursor that its last complete load reached."""
    with duckdb.connect(str(warehouse)) as con:
        if "cursor" not in _columns(con, source.schema, FILES_TABLE):
            return {}
        rows = con.execute(
            f"select table_name, arg_max(cursor, files._cdp_load_seq) from {source.schema}.{FILES_TABLE} as files"
            f" join {source.schema}._dlt_loads as loads on files._dlt_load_id = loads.load_id"
            " where loads.status = 0 and cursor is not null group by table_name"
        ).fetchall()
    return {str(name): str(cursor) for name, cursor in rows}


def _columns(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> set[str]:
    found = con.execute(
        "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    return {str(row[0]) for row in found}
