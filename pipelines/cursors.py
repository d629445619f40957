"""Cursor values of incremental fetches: kept as text, compared and moved back in their own kind."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any


def text_of(value: Any) -> str:
    """A cursor value as it is kept: ISO for times (UTC when it has an offset), digits for numbers."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def greatest(values: list[Any]) -> Any:
    """The greatest value; numbers as numbers, everything else as text. None when there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    numbers = all(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in known)
    return max(known) if numbers else max(known, key=text_of)


def moved_back(value: str, lag: int) -> str:
    """`value` less the lag, written the way it was: seconds off a time, days off a date, units off a number.

    A text that is none of these stays as it is: there is nothing to count in.
    """
    if not lag:
        return value
    if value.lstrip("-").isdigit():
        return str(int(value) - lag)
    try:
        if len(value) == len("2026-01-31"):
            return (date.fromisoformat(value) - timedelta(days=lag)).isoformat()
        moment = datetime.fromisoformat(value) - timedelta(seconds=lag)
    except ValueError:
        return value
    text = moment.isoformat(sep="T" if "T" in value else " ")
    return text.replace("+00:00", "Z") if value.endswith("Z") else text


def typed(value: str, python_type: type) -> Any:
    """The kept text as a database column of that Python type wants it. Raises ValueError when it is no such value."""
    if issubclass(python_type, datetime):
        return datetime.fromisoformat(value)
    if issubclass(python_type, date):
        return date.fromisoformat(value[:10])
    if issubclass(python_type, int | float | Decimal):
        return python_type(value)
    return value
