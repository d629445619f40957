"""Random deliveries to a company of files: rows again, changed, older versions come late, new ones, all by chance.

cdp.yml, rows delivered so far  ->  further files of the same tables, the same for the same seed

Values are never made up: a changed cell has what the same column holds in another row. So every column can change, addresses
that join or part two people among them, and nothing is rejected for its form.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cli.config import Company, load_company

Row = dict[str, Any]
# a row comes again as it is, changed, or under another key
WAYS = ("again", "changed", "new")
MOST_ROWS = 12
MOST_CELLS = 3


@dataclass(frozen=True)
class Table:
    """One table of a source: where its files lie and what names a row."""

    path: str
    key: tuple[str, ...]
    is_event: bool = False


def tables(company: Company) -> Iterator[Table]:
    """Every table that comes in files."""
    for source in company.sources:
        if source.connector == "segment":
            yield Table(str(source.path), ("messageId",), is_event=True)
        elif source.connector == "files":
            for table in source.tables:
                yield Table(str(table.path), tuple(table.key or ()))


def deliver(root: Path, rng: np.random.Generator, name: str) -> dict[str, int]:
    """Write a file of up to `MOST_ROWS` rows for most tables; how many rows of each kind there are in all."""
    told = dict.fromkeys(WAYS, 0)
    for table in sorted(tables(load_company(root / "cdp.yml")), key=lambda one: one.path):
        rows = delivered(root, table)
        if not rows or rng.random() < 0.3:
            continue
        written = []
        for number in range(int(rng.integers(1, MOST_ROWS + 1))):
            way = str(rng.choice(WAYS, p=(0.2, 0.5, 0.3)))
            written.append(turned(rows, table, rng, way, f"{name}{number}"))
            told[way] += 1
        target = root / table.path.replace("*", f"random_{name}")
        if target.suffix == ".csv":
            _write_csv(target, written)
        else:
            target.write_text(
                "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in written), encoding="utf-8"
            )
    return told


def delivered(root: Path, table: Table) -> list[Row]:
    """Rows of all files of a table that can be read; those that were planted broken are left out."""
    rows: list[Row] = []
    for path in sorted(root.glob(table.path)):
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                # a row that is too long or too short has a column without a name, or a cell without a value
                rows += [row for row in csv.DictReader(file) if None not in row and None not in row.values()]
        else:
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict):
                    rows.append(row)
    return rows


def turned(rows: list[Row], table: Table, rng: np.random.Generator, way: str, name: str) -> Row:
    """One row as it came, or with some cells of another row, under its own key or a new one."""
    row = dict(rows[int(rng.integers(len(rows)))])
    if way == "again":
        return row
    other = rows[int(rng.integers(len(rows)))]
    free = [column for column in row if column not in table.key]
    if table.is_event:
        # what an event says belongs to its kind
        alike = other.get("type") == row.get("type") and other.get("event") == row.get("event")
        free = [
            column for column in free if alike or column in ("anonymousId", "userId", "timestamp", "context")
        ]
        free = [column for column in free if column not in ("type", "event")]
    for column in rng.permutation(free)[: int(rng.integers(1, MOST_CELLS + 1))]:
        if column in other:
            row[str(column)] = other[str(column)]
    if way == "new":
        for column in table.key:
            row[column] = f"{row[column]}{name}"
    return row


def _write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        # files of a table may have different columns over time: those of the first row are the file's
        names = list(rows[0])
        writer = csv.DictWriter(file, names, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
