"""How an HTTP answer is read: try again or not, how long to keep away, and a reason that repeats no person and no secret."""

import random
import re
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

TRY_AGAIN = (408, 425, 429)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
REASON_LENGTH = 200
# parts of an address up to this length are words like https or api
SHORT_PART = 5
# anything with a digit run or an @ may be a phone number or an address; 32 hex digits and more a hash of one
PERSONAL = re.compile(r"\S*@\S+|\b[0-9a-fA-F]{32,}\b|\+?\d[\d\s().-]{5,}\d")
# The names under which vendors say when the next window opens, and how much is left of this one
RESETS = (
    "RateLimit-Reset",
    "X-RateLimit-Reset",
    "X-Rate-Limit-Reset",
    "X-RateLimit-Reset-After",
    "X-Sib-RateLimit-Reset",
)
REMAINING = (
    "RateLimit-Remaining",
    "X-RateLimit-Remaining",
    "X-Rate-Limit-Remaining",
    "X-Sib-RateLimit-Remaining",
)
# a reset above this is a point in time (seconds since 1970), above the next one in milliseconds
EPOCH_SECONDS, EPOCH_MILLISECONDS = 1e9, 1e12


def redact(said: str, secret: str, values: Sequence[Any]) -> str:
    """A reason without values of the payload, anything like an address, a number or a hash, and secrets.

    `secret` is address, headers and tokens in one text: each longer part of it is hidden, a token in a query as well.
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


def backoff(attempt: int) -> float:
    """A doubling pause with jitter, in seconds."""
    pause = min(FIRST_PAUSE_SECONDS * float(2 ** min(attempt, 30)), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not cryptography


def closed_for(response: httpx.Response) -> float | None:
    """Seconds for which the destination wants to hear nothing; None when it says nothing of the kind.

    `Retry-After` counts on every answer; a reset counts when the answer is 429 or says that nothing is left.
    """
    asked = _retry_after(response.headers.get("Retry-After"))
    if asked is not None:
        return asked
    left = [response.headers[name].strip() for name in REMAINING if name in response.headers]
    if response.status_code != 429 and not any(value in ("0", "0.0") for value in left):
        return None
    return max((_reset(response.headers[name]) for name in RESETS if name in response.headers), default=None)


def _retry_after(value: str | None) -> float | None:
    """Seconds from the header, which holds seconds or an HTTP date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _reset(value: str) -> float:
    """Seconds from now: the header holds them, or a point in time in seconds or milliseconds since 1970."""
    try:
        number = float(value)
    except ValueError:
        return _retry_after(value) or 0.0
    if number >= EPOCH_MILLISECONDS:
        number /= 1000
    return max(0.0, number - time.time() if number >= EPOCH_SECONDS else number)


def message(response: httpx.Response) -> str:
    """The part of an error answer that says why."""
    try:
        body = response.json()
    except ValueError:
        return ""  # a page of HTML explains nothing
    if isinstance(body, list) and body and isinstance(body[0], dict):
        body = body[0]
    if isinstance(body, dict):
        if isinstance(body.get("error"), dict):
            body = body["error"]
        for name in ("reason", "message", "detail", "error_description", "error", "title"):
            if isinstance(body.get(name), str):
                return str(body[name])
    return ""
