"""Seconds of a part of a build: dbt runs two models at a time, so the sum of their seconds is not the time they took."""

from collections.abc import Iterable
from typing import Any


def wall_seconds(nodes: Iterable[dict[str, Any]]) -> float:
    """Seconds during which at least one of the nodes ran (the union of their spans, without gaps between them)."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(node["span"] for node in nodes if node["span"]):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
