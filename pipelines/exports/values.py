"""Values as literals of a statement: names, times and counts of our own.

DuckDB's Python client imports pandas to look at the first value that is bound, a quarter of a second of every process that
exports. What comes from outside (keys, answers of a destination) is bound all the same: those are lists.
"""

import re
from collections.abc import Mapping
from datetime import datetime

Value = str | int | bool | datetime | None
# comments, texts and quoted names first: what stands in them is no parameter, and an apostrophe in a comment begins no text
_PARTS = re.compile(r"""--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<name>[a-z_][a-z0-9_]*)""")


def inlined(statement: str, values: Mapping[str, Value]) -> str:
    """The statement with a literal for each `$name`; raises KeyError for a name without a value."""

    def part(found: re.Match[str]) -> str:
        return literal(values[found["name"]]) if found["name"] else found[0]

    return _PARTS.sub(part, statement)


def literal(value: Value) -> str:
    """One value in SQL; a time is UTC and naive."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    # the parser ends a text at a NUL
    return " || chr(0) || ".join(text(one) for one in value.split("\0"))


def digest(expression: str) -> str:
    """128 bits of the SHA-256 of a text, as a UUID: a quarter of the room of its 64 digits."""
    return f"cast(left(sha256({expression}), 32) as uuid)"


def text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
