"""What the laws compare: every mart row for row, the ledger, the files that were sent."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.parse_cache import move_reading

# Columns that say which run wrote a row; everything else must not know it.
RUN_COLUMNS = frozenset({"run_id"})
ROOT = Path(__file__).resolve().parent.parent
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


@dataclass
class Movement:
    """How a mart differs from what it was: columns of rows that are in both, and how many rows only one has."""

    columns: set[str]
    gone: int
    new: int


def movements(before: Path, after: Path, apart: Mapping[str, str]) -> dict[str, Movement]:
    """Marts that differ and how, row by row of their keys; rows for which `apart` (a condition per mart) holds are left out."""
    named = keys()
    left, right = tables_of(before), tables_of(after)
    assert left.keys() == right.keys()
    told = {}
    with duckdb.connect() as con:
        for name, was in left.items():
            con.register("was_all", was)
            con.register("now_all", right[name])
            where = f"where not ({apart[name]})" if name in apart else ""
            for side in ("was", "now"):
                con.execute(f"create or replace temp table {side} as from {side}_all {where}")
            found = _movement(con, was.column_names, named[name])
            if found.columns or found.gone or found.new:
                told[name] = found
    return told


def _movement(con: duckdb.DuckDBPyConnection, columns: Sequence[str], key: Sequence[str]) -> Movement:
    """What moved between the tables `was` and `now`."""
    same = " and ".join(f'was."{column}" is not distinct from now."{column}"' for column in key)

    def count(sql: str) -> int:
        row = con.execute(sql).fetchone()
        assert row is not None
        return int(row[0])

    assert count("select count(*) from was") == count(
        f"select count(*) from (select distinct {', '.join(key)} from was)"
    )
    counted = [
        f'count(*) filter (where was."{column}" is distinct from now."{column}")' for column in columns
    ]
    row = con.execute(f"select {', '.join(counted)} from was inner join now on {same}").fetchone()
    assert row is not None
    return Movement(
        {column for column, moved in zip(columns, row, strict=True) if moved and column not in RUN_COLUMNS},
        count(f"select count(*) from was anti join now on {same}"),
        count(f"select count(*) from now anti join was on {same}"),
    )


def tables_of(root: Path) -> dict[str, Any]:
    """Marts as Arrow tables; a view is read in its own warehouse."""
    with duckdb.connect(str(root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        names = con.execute(
            "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
        ).fetchall()
        return {name: con.execute(f"from marts.{name}").to_arrow_table() for (name,) in names}


def keys() -> dict[str, list[str]]:
    """Columns that name a row of each model, from the tests in its yml: the first column, or combination, that is unique."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "models").rglob("*.yml")):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            single = [
                [one["name"]] for one in model.get("columns", []) if "unique" in one.get("data_tests", [])
            ]
            several = [
                test["unique_combination"]["arguments"]["columns"]
                for test in model.get("data_tests", [])
                if isinstance(test, dict) and "unique_combination" in test
            ]
            if single or several:
                found[model["name"]] = [*single, *several][0]
    return found


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
