"""Whole columns of text: joined, formatted and written as CSV or JSON without a loop over rows.

numpy columns and Arrow text  ->  Arrow text (one value per row)  ->  finished lines

Null stays null through every function that formats a value, so an identifier that a person
does not have, or that was left out on purpose, is absent in whatever is built from it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

type_text = pa.string()
# A pyarrow.Array of strings, one value per row; pyarrow ships no types.
Text: TypeAlias = Any
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# The company keeps local time; Viet Nam has had no clock change since 1975, so the offset is constant.
LOCAL_OFFSET = 7 * 3600
_HEX = np.array([f"{byte:02x}" for byte in range(256)])


def pick(values: Sequence[str | None], index: Ints) -> Text:
    """Return `values[i]` for each i."""
    return pa.array(values, type_text).take(pa.array(index))


def take(column: Text, index: Ints) -> Text:
    """Return the rows of a column at `index`."""
    return column.take(pa.array(index))


def join(*parts: Text | str) -> Text:
    """Concatenate columns and constants; null where any part is null."""
    return pc.binary_join_element_wise(*parts, "", null_handling="emit_null")


def when(mask: Bools, yes: Text | str | None, no: Text | str | None = None) -> Text:
    """Choose per row between two columns or constants."""
    return pc.if_else(pa.array(mask), *(_scalar(value) for value in (yes, no)))


def _scalar(value: Text | str | None) -> Any:
    return pa.scalar(value, type_text) if value is None or isinstance(value, str) else value


def constant(value: str | None, size: int) -> Text:
    """Return one value for every row."""
    return pa.array([value], type_text).take(pa.array(np.zeros(size, dtype=np.int64)))


def present(column: Text) -> Bools:
    """Tell where a column has a value."""
    return np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)


def number(values: npt.NDArray[Any], width: int = 0) -> Text:
    """Write integers, padded with zeros to `width`."""
    text = pa.array(np.asarray(values, dtype=np.int64)).cast(type_text)
    return pc.utf8_lpad(text, width, "0") if width else text


def money(cents: Ints) -> Text:
    """Write hundredths as an exact decimal; floats never touch an amount."""
    return join(number(cents // 100), ".", number(cents % 100, 2))


def iso(seconds: Ints, millis: Ints | None = None) -> Text:
    """Write epoch seconds as `2026-06-30T12:00:00.000Z`; a negative instant is null."""
    text = pc.replace_substring(_plain(seconds), " ", "T", max_replacements=1)
    return join(text, "Z") if millis is None else join(text, ".", number(millis, 3), "Z")


def local(seconds: Ints) -> Text:
    """Write epoch seconds as naive local `2026-06-30 19:00:00`; a negative instant is null."""
    return _plain(np.where(seconds < 0, seconds, seconds + LOCAL_OFFSET))


def local_slashes(seconds: Ints) -> Text:
    """Write epoch seconds as naive local `30/06/2026 19:00`; a negative instant is null."""
    text = local(seconds)
    return join(_cut(text, 8, 10), "/", _cut(text, 5, 7), "/", _cut(text, 0, 4), " ", _cut(text, 11, 16))


def day(days: Ints) -> Text:
    """Write days since 1970-01-01 as `1984-05-17`."""
    return pa.array(days.astype("datetime64[D]")).cast(type_text)


def _plain(seconds: Ints) -> Text:
    instants = pa.array(np.abs(seconds).astype("datetime64[s]")).cast(type_text)
    return when(seconds >= 0, instants)


def _cut(text: Text, start: int, stop: int) -> Text:
    return pc.utf8_slice_codeunits(text, start, stop)


def hexes(rng: np.random.Generator, size: int, length: int = 32) -> Text:
    """Return random hexadecimal names, as trackers give to devices and messages."""
    raw = rng.integers(0, 256, size=(size, length // 2), dtype=np.uint8)
    return pa.array(np.ascontiguousarray(_HEX[raw]).view(f"U{length}").ravel(), type_text)


def csv_lines(columns: Mapping[str, Text]) -> tuple[str, Text]:
    """Return the header and the lines of a CSV table, quoted where a value needs it."""
    header = ",".join(columns)
    cells = [_csv_cell(column) for column in columns.values()]
    return header, pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")


def _csv_cell(column: Text) -> Text:
    special = pc.match_substring_regex(column, '[",\n]')
    if not pc.any(special).as_py():
        return column
    quoted = join('"', pc.replace_substring(column, '"', '""'), '"')
    return pc.if_else(special, quoted, column)


def quoted(column: Text) -> Text:
    """Write a column as JSON strings."""
    escaped = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')
    return join('"', escaped, '"')


def json_object(fields: Mapping[str, Text], nulls: bool = False) -> Text:
    """Write one JSON object per row from finished JSON values; a null field is left out, or said."""
    values = {name: pc.coalesce(value, "null") if nulls else value for name, value in fields.items()}
    parts = [join(f',"{name}":', value) for name, value in values.items()]
    body = pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
    return join("{", pc.utf8_slice_codeunits(body, 1), "}")


def json_texts(fields: Mapping[str, Text], nulls: bool = False) -> Text:
    """Write one JSON object per row whose values are all strings."""
    return json_object({name: quoted(value) for name, value in fields.items()}, nulls)


def json_array(items: Text, counts: Ints) -> Text:
    """Write one JSON array per row; row i has the next `counts[i]` items."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, items)
    return join("[", pc.binary_join(lists, ","), "]")
