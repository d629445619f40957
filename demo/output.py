"""Delivered files, the broken rows among them, and the truth beside them.

columns or JSON lines + delivery of each row  ->  one file per delivery, truth/*.csv

A broken row is always an extra row, a spoilt copy of a good one: taking it away gives back the
clean table, and what has to be quarantined is exactly what truth/planted.csv counts. A file whose
bytes did not change is not touched, so that generating twice delivers nothing new.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.columns import Ints, Text, constant, csv_lines, join, take
from demo.world import DELIVERIES, World

# Half of `quality.max_quarantine` would be legal; staying this low leaves room for real mistakes.
SPOILT_SHARE = 0.003
SPOILT_AT_MOST = 3


@dataclass(frozen=True)
class Spoil:
    """A way to break a copy of a row: in one column, by a pattern in its finished line, or as a line."""

    kind: str
    column: str = ""
    pattern: str = ""
    value: str | None = None


@dataclass
class Output:
    """Everything one run of the generator writes below `folder`."""

    folder: Path
    until: date
    written: set[str] = field(default_factory=set)
    planted: list[tuple[str, str, int]] = field(default_factory=list)
    traps: dict[str, int] = field(default_factory=dict)
    persons: list[Text] = field(default_factory=list)

    def csv(
        self,
        world: World,
        stem: str,
        columns: Mapping[str, Text],
        delivery: Ints,
        spoils: Sequence[Spoil] = (),
    ) -> None:
        """Write a CSV table, one file per delivery; the first file carries the broken rows."""
        for number, index in _by_delivery(delivery):
            part = {name: take(column, index) for name, column in columns.items()}
            plan = spoil_plan(spoils if number == 0 else (), index.size)
            part = _with_spoilt_rows(part, plan)
            header, lines = csv_lines(part)
            lines = _with_spoilt_lines(lines, plan)
            self._deliver(world, number, stem, "csv", lines, plan, header)

    def jsonl(
        self, world: World, stem: str, lines: Text, delivery: Ints, spoils: Sequence[Spoil] = ()
    ) -> None:
        """Write JSON lines, one file per delivery; the first file carries the broken rows."""
        for number, index in _by_delivery(delivery):
            plan = spoil_plan(spoils if number == 0 else (), index.size)
            part = _with_spoilt_lines(take(lines, index), plan)
            self._deliver(world, number, stem, "jsonl", part, plan)

    def _deliver(
        self,
        world: World,
        number: int,
        stem: str,
        suffix: str,
        lines: Text,
        plan: Mapping[Spoil, int],
        header: str = "",
    ) -> None:
        name = file_name(world, stem, number, suffix)
        if self.write(name, DELIVERIES[number], lines, header):
            self.planted += [(name, spoil.kind, count) for spoil, count in plan.items() if count]

    def write(self, name: str, delivered: date, lines: Text, header: str = "") -> bool:
        """Write one file of finished lines unless it is delivered later than this run goes."""
        if delivered > self.until or not len(lines):
            return False
        head = f"{header}\n".encode() if header else b""
        replace_bytes(self.folder / name, head + _body(lines))
        self.written.add(name)
        return True

    def planted_in_first(self, world: World, stem: str, kind: str, count: int) -> None:
        """Count broken values that the caller put into the first file of a CSV table."""
        if DELIVERIES[0] <= self.until and count:
            self.planted.append((file_name(world, stem, 0, "csv"), kind, count))

    def truth(self, source_table: str, keys: Text, person: Ints, delivery: Ints, start: int) -> None:
        """Note whose records these are, as far as this run delivers them."""
        arrived = np.array([day <= self.until for day in DELIVERIES])[delivery]
        names = join(f"{source_table}:", keys, ",P", padded(person + start))
        self.persons.append(names.filter(pa.array(arrived)))

    def trap(self, name: str, count: int) -> None:
        """Count a planted trap that breaks no row."""
        self.traps[name] = self.traps.get(name, 0) + count

    def finish(self) -> None:
        """Write the truth and take away files of an earlier run that this one did not make."""
        persons = pa.concat_arrays(self.persons)
        persons = take(persons, np.asarray(pc.sort_indices(persons).to_numpy(), dtype=np.int64))
        _write_rows(self.folder / "truth/persons.csv", "record_id,person_id", persons.to_pylist())
        planted = (f"{file},{kind},{count}" for file, kind, count in sorted(self.planted))
        _write_rows(self.folder / "truth/planted.csv", "file,kind,count", planted)
        traps = (f"{name},{count}" for name, count in sorted(self.traps.items()))
        _write_rows(self.folder / "truth/traps.csv", "trap,count", traps)
        listing = self.folder / "truth/files.csv"
        if listing.exists():
            # only what an earlier run listed as its own: never anybody else's file
            for name in set(listing.read_text(encoding="utf-8").split("\n")[1:]) - self.written - {""}:
                (self.folder / name).unlink(missing_ok=True)
        _write_rows(listing, "file", sorted(self.written))


def file_name(world: World, stem: str, number: int, suffix: str) -> str:
    """Return the name of the file of a delivery; every block but the first adds its number."""
    block = f"_b{world.block:03d}" if world.block else ""
    return f"{stem}_{DELIVERIES[number].isoformat()}{block}.{suffix}"


def padded(index: Ints) -> Text:
    """Write person numbers with seven digits."""
    return pc.utf8_lpad(pa.array(index).cast(pa.string()), 7, "0")


def spoil_plan(spoils: Sequence[Spoil], rows: int) -> dict[Spoil, int]:
    """Share the rows that may be broken among the ways to break them; small tables get fewer."""
    budget = int(rows * SPOILT_SHARE)
    each = max(1, min(SPOILT_AT_MOST, budget // max(1, len(spoils))))
    return {spoil: min(each, max(0, budget - each * place)) for place, spoil in enumerate(spoils)}


def _by_delivery(delivery: Ints) -> Iterable[tuple[int, Ints]]:
    return ((number, np.flatnonzero(delivery == number)) for number in range(len(DELIVERIES)))


def _places(rows: int, count: int, salt: int) -> Ints:
    """Return rows to spoil, spread over the table."""
    return (np.arange(1, count + 1) * rows // (count + 1) + salt) % rows


def _with_spoilt_rows(columns: dict[str, Text], plan: Mapping[Spoil, int]) -> dict[str, Text]:
    result = columns
    for salt, (spoil, count) in enumerate(plan.items()):
        if not spoil.column or not count:
            continue
        rows = _places(len(columns[spoil.column]), count, salt)
        copies = {name: take(column, rows) for name, column in columns.items()}
        copies[spoil.column] = constant(spoil.value, count)
        result = {name: pa.concat_arrays([result[name], copies[name]]) for name in columns}
    return result


def _with_spoilt_lines(lines: Text, plan: Mapping[Spoil, int]) -> Text:
    parts = [lines]
    for salt, (spoil, count) in enumerate(plan.items()):
        if spoil.column or not count:
            continue
        copies = take(lines, _places(len(lines), count, 7 * salt + 3))
        parts.append(_spoilt(copies, spoil))
    return pa.concat_arrays(parts)


def _spoilt(lines: Text, spoil: Spoil) -> Text:
    if spoil.kind == "ragged_line":
        return join(lines, ",surplus,surplus")
    if spoil.kind == "broken_json":
        return pc.utf8_slice_codeunits(lines, 0, 60)
    # a line that still parses, with one member changed or gone
    return pc.replace_substring_regex(lines, spoil.pattern, spoil.value or "", max_replacements=1)


def _body(lines: Text) -> bytes:
    """Return the lines, each with its end, straight from Arrow's own buffer."""
    ended = join(lines, "\n")
    return bytes(ended.buffers()[2])


def _write_rows(path: Path, header: str, rows: Iterable[str]) -> None:
    replace_bytes(path, "".join(f"{row}\n" for row in (header, *rows)).encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file, leaving it alone where it already holds these bytes."""
    if path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
