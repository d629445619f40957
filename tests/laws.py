"""What the laws compare: every mart row for row, the ledger, the files that were sent."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tests.parse_cache import move_reading

# Columns that say which run wrote a row; everything else must not know it.
RUN_COLUMNS = frozenset({"run_id"})
DEMO_DELIVERIES = ("2025-12-31", "2026-05-31", "2026-06-30")


def snapshot(root: Path, schema: str = "marts", ignore: Sequence[str] = ()) -> dict[str, list[str]]:
    """Table -> its rows as sorted texts, without the columns that name runs."""
    with duckdb.connect(str(root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        columns: dict[str, list[str]] = {}
        for table, column in con.execute(
            "select table_name, column_name from information_schema.columns where table_schema = ?"
            " order by table_name, ordinal_position",
            [schema],
        ).fetchall():
            if column not in RUN_COLUMNS:
                columns.setdefault(table, []).append(f'"{column}"')
        return {
            table: [
                str(row)
                for row in con.execute(
                    f"select {', '.join(names)} from {schema}.{table} order by all"
                ).fetchall()
            ]
            for table, names in columns.items()
            if table not in ignore
        }


def differences(left: dict[str, list[str]], right: dict[str, list[str]]) -> list[str]:
    """Readable differences: table, number of rows only left and only right, and one example each."""
    told = []
    for table in sorted(set(left) | set(right)):
        a, b = left.get(table, []), right.get(table, [])
        if a != b:
            only_a, only_b = sorted(set(a) - set(b)), sorted(set(b) - set(a))
            example = f"\n    < {only_a[:1]}\n    > {only_b[:1]}"
            told.append(
                f"{table}: {len(a)} rows against {len(b)}; {len(only_a)} and {len(only_b)} differ{example}"
            )
    return told


def sent(root: Path) -> list[tuple[str, str, str, str]]:
    """Every acknowledged delivery: sync, key, operation, idempotency key."""
    with duckdb.connect(str(root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        return con.execute(
            "select sync, key, operation, idempotency_key from exports.deliveries where status = 'acked' order by all"
        ).fetchall()


def files_sent(root: Path) -> dict[str, bytes]:
    """What lies in the export folder."""
    folder = root / "exports" / "out"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".csv", ".jsonl")
    }


def copy_company(source: Path, target: Path) -> Path:
    """A company folder as it stands, links and file times included."""
    shutil.copytree(source, target, symlinks=True)
    move_reading(source, target)
    return target


def hold_back(root: Path, after: str) -> list[tuple[Path, Path]]:
    """Take away deliveries dated after `after`; returns (where it lies now, where it belongs)."""
    store = root.parent / f"{root.name}-held"
    moved = []
    for path in sorted([*root.glob("data/**/*"), *root.glob("spool/**/*")]):
        date = next((part for part in DEMO_DELIVERIES if part in path.name), None)
        if path.is_file() and date and date > after:
            held = store / path.relative_to(root)
            held.parent.mkdir(parents=True, exist_ok=True)
            path.rename(held)
            moved.append((held, path))
    return moved


def deliver(moved: Sequence[tuple[Path, Path]], root: Path, original: Path) -> None:
    """Put held deliveries into (a copy of) the company."""
    for held, place in moved:
        target = root / place.relative_to(original)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(held, target)
