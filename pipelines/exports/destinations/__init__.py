"""Destinations by type. A new one is one class, and one entry here.

Types: `file` (CSV or JSONL, the whole set, replaced atomically) and `webhook` (HTTP POST of JSON).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.exports.destinations import file, webhook
from pipelines.exports.destinations.base import RowDestination, SetDestination

# how a sync may write; what each means stands at `Operation` (destinations/base.py) and in docs/activation.md
MODES = ("upsert", "update_only", "create_only", "mirror", "append", "membership")


@dataclass(frozen=True)
class Kind:
    """How to check, count and open one type of destination.

    `modes` are the modes of a sync that it can carry out; `fills_empty`: it honours `Operation.fill_empty`. A sync that asks
    for another mode is a configuration error. A type without mirror and membership cannot take rows away.
    """

    problems: Callable[[Mapping[str, Any]], list[str]]
    requests: Callable[[Mapping[str, Any], int], int]
    target: Callable[[Mapping[str, Any], str], str | None]
    open_rows: Callable[[Mapping[str, Any], str], RowDestination] | None = None
    open_set: Callable[[Mapping[str, Any], str], SetDestination] | None = None
    modes: tuple[str, ...] = ("upsert", "mirror")
    fills_empty: bool = False


TYPES: Mapping[str, Kind] = {
    "file": Kind(
        problems=file.problems,
        requests=file.requests,
        target=file.target,
        open_set=file.open_file,
    ),
    "webhook": Kind(
        problems=webhook.problems,
        requests=webhook.requests,
        target=lambda options, sync: None,
        open_rows=webhook.open_webhook,
        modes=MODES,
        fills_empty=True,
    ),
}


def open_rows(kind: str, options: Mapping[str, Any], sync: str) -> RowDestination | None:
    """The destination, ready for the operations of one sync; None when the type holds a whole set."""
    opener = TYPES[kind].open_rows
    return opener(options, sync) if opener else None


def open_set(kind: str, options: Mapping[str, Any], sync: str) -> SetDestination | None:
    """The destination, ready for the set of one sync; None when the type takes single operations."""
    opener = TYPES[kind].open_set
    return opener(options, sync) if opener else None


def check_options(kind: str, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options of a destination; empty when nothing is."""
    return TYPES[kind].problems(options)


def requests_for(kind: str, options: Mapping[str, Any], operations: int) -> int:
    """Requests (or file writes) that so many operations take when all goes well."""
    return TYPES[kind].requests(options, operations) if operations else 0


def target_of(kind: str, options: Mapping[str, Any], sync: str) -> str | None:
    """The file that a sync would write, if that is what the type does and its options are right."""
    if kind not in TYPES or check_options(kind, options):
        return None
    return TYPES[kind].target(options, sync)


def modes_of(kind: str) -> tuple[str, ...]:
    """The modes that a type of destination can carry out."""
    return TYPES[kind].modes


def fills_empty(kind: str) -> bool:
    """Whether a type of destination can write a column only where it is empty."""
    return TYPES[kind].fills_empty


def writes_full_set(kind: str) -> bool:
    """Whether the destination holds the whole set: then rows that left the model cannot stay in it."""
    return TYPES[kind].open_set is not None
