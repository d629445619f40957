"""JSON without loss: decimals keep every digit they came with from SQL."""

import json
from decimal import Decimal
from typing import Any


def loads(text: str | None) -> dict[str, Any]:
    """A payload as values, decimals exact; empty for a removal."""
    values: dict[str, Any] = json.loads(text, parse_float=Decimal) if text else {}
    return values


def dumps(node: Any) -> str:
    """JSON text of values in which decimals may stand."""
    if isinstance(node, dict):
        return "{" + ",".join(f"{json.dumps(str(name))}:{dumps(value)}" for name, value in node.items()) + "}"
    if isinstance(node, list | tuple):
        return "[" + ",".join(dumps(value) for value in node) + "]"
    return str(node) if isinstance(node, Decimal) else json.dumps(node)


def plain(value: Any) -> str:
    """A value as text inside a sentence: nothing for null, true and false as JSON writes them."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value)
