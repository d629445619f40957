"""How an HTTP answer is read: try again or not, and a reason that repeats no person and no secret."""

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

TRY_AGAIN = (408, 425, 429)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
REASON_LENGTH = 200
# parts of an address up to this length are words like https or api
SHORT_PART = 5
# anything with a digit run or an @ may be a phone number or an address
PERSONAL = re.compile(r"\S*@\S+|\+?\d[\d\s().-]{5,}\d")


def redact(said: str, secret: str, values: Sequence[Any]) -> str:
    """A reason without values of the payload, anything like an address or a number, and secrets.

    `secret` is address and headers in one text: each longer part of it is hidden, a token in a query as well.
    """
    hidden = {str(value) for value in values if isinstance(value, str | int | float) and len(str(value)) > 2}
    hidden |= {part for part in re.split(r"[/?&=:@,;\s]+", secret) if len(part) > SHORT_PART}
    for value in sorted(hidden, key=len, reverse=True):
        if value.casefold() in said.casefold():
            said = re.sub(re.escape(value), "***", said, flags=re.IGNORECASE)
    said = PERSONAL.sub("***", said)
    return " ".join(said.split())[:REASON_LENGTH]


def again(status: int) -> bool:
    """Whether the same request may succeed later."""
    return status in TRY_AGAIN or status >= 500


def pause(response: httpx.Response | None, attempt: int) -> float:
    """What the destination asks for, else a doubling pause with jitter."""
    asked = _retry_after(response.headers.get("Retry-After")) if response is not None else None
    if asked is not None:
        return asked
    pause = min(FIRST_PAUSE_SECONDS * float(2**attempt), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not cryptography


def _retry_after(value: str | None) -> float | None:
    """Seconds from the header, which holds seconds or an HTTP date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def message(response: httpx.Response) -> str:
    """The part of an error answer that says why."""
    try:
        body = response.json()
    except ValueError:
        return ""  # a page of HTML explains nothing
    if isinstance(body, dict):
        for name in ("reason", "message", "detail", "error"):
            if isinstance(body.get(name), str):
                return str(body[name])
    return ""
