"""What CRMs have in common: columns become fields, and a row is written as its mode and `fill_empty` allow."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.exports.destinations import exact
from pipelines.exports.destinations.base import Operation, Result

MODES = ("upsert", "update_only", "create_only", "mirror")
# modes that need to know who is there before they write
READ_FIRST = ("update_only", "create_only")


def fields_of(operation: Operation, names: Mapping[str, str | None]) -> dict[str, Any]:
    """The payload under the destination's names; a column named null stays here."""
    row = exact.loads(operation.payload)
    return {names.get(column) or column: value for column, value in row.items() if names.get(column, column)}


def rounds(operations: Sequence[Operation], ids: Mapping[str, str]) -> Iterator[list[Operation]]:
    """The operations in rounds in which no id stands twice: CRMs refuse a request that names a record twice."""
    left = list(operations)
    while left:
        seen: set[str] = set()
        now = [op for op in left if not (ids[op.key] in seen or seen.add(ids[op.key]))]  # type: ignore[func-returns-value]
        taken = {op.key for op in now}
        left = [op for op in left if op.key not in taken]
        yield now


def needs_reading(operation: Operation) -> bool:
    """Whether what the destination holds decides on what is written."""
    return operation.mode in READ_FIRST or bool(operation.fill_empty)


def to_write(
    operation: Operation,
    fields: dict[str, Any],
    held: Mapping[str, Any] | None,
    names: Mapping[str, str | None],
) -> dict[str, Any] | None:
    """The fields to write, given the record that is there (None: none is); None: the row is left alone."""
    if (operation.mode == "update_only" and held is None) or (
        operation.mode == "create_only" and held is not None
    ):
        return None
    kept = {names.get(column) or column for column in operation.fill_empty}
    return {
        name: value
        for name, value in fields.items()
        if not (name in kept and held and not is_empty(held.get(name)))
    }


def is_empty(value: Any) -> bool:
    """What a human has not filled in."""
    return value is None or (isinstance(value, str) and not value.strip())


def skipped(operation: Operation, destination_key: str | None = None) -> Result:
    """A row that was left alone, as its mode asks."""
    return Result(operation.key, ok=True, destination_key=destination_key, is_skipped=True)
