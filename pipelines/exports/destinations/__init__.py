"""Destinations by type. A new one is one class, and one entry here.

Types: `file` (CSV or JSONL, the whole set, replaced atomically) and `webhook` (HTTP POST of JSON).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.exports.destinations import file, webhook
from pipelines.exports.destinations.base import RowDestination, SetDestination


@dataclass(frozen=True)
class Kind:
    """How to check, count and open one type of destination."""

    open: Callable[[Mapping[str, Any], str], RowDestination | SetDestination]
    problems: Callable[[Mapping[str, Any]], list[str]]
    requests: Callable[[Mapping[str, Any], int], int]
    target: Callable[[Mapping[str, Any], str], str | None]
    is_set: bool


TYPES: Mapping[str, Kind] = {
    "file": Kind(
        open=file.open_file, problems=file.problems, requests=file.requests, target=file.target, is_set=True
    ),
    "webhook": Kind(
        open=webhook.open_webhook,
        problems=webhook.problems,
        requests=webhook.requests,
        target=lambda options, sync: None,
        is_set=False,
    ),
}


def open_destination(kind: str, options: Mapping[str, Any], sync: str) -> RowDestination | SetDestination:
    """The destination, ready for the rows of one sync."""
    return TYPES[kind].open(options, sync)


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


def writes_full_set(kind: str) -> bool:
    """Whether the destination holds the whole set: then rows that left the model cannot stay in it."""
    return TYPES[kind].is_set
