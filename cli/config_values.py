"""Single values of `cdp.yml` and what makes one impossible; `config.py` puts them together."""

from pathlib import PurePath
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    # OSError: the name of a folder of zones (`Asia`)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no timezone {value!r}; use a name like Asia/Ho_Chi_Minh") from error
    return value


def _encoding(value: str) -> str:
    try:
        # not every codec of Python is one of text (base64, zip)
        "".encode(value)
    except (LookupError, ValueError) as error:
        raise ValueError(f"no encoding {value!r}; use a name like utf-16, cp1252 or latin-1") from error
    return value


def _delimiter(value: str) -> str:
    if value in ('"', "\r", "\n", "\0"):
        raise ValueError("a quote or a line end cannot be the delimiter")
    return value


def _pattern(value: str) -> str:
    parts = PurePath(value).parts
    if "\0" in value or not [part for part in parts if part != "/"]:
        raise ValueError("no path; use one like data/crm/contacts*.csv")
    if any("**" in part and part != "**" for part in parts):
        raise ValueError("`**` must stand alone between slashes, as in data/**/*.csv")
    return value


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Timezone = Annotated[str, AfterValidator(_timezone)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Delimiter = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_delimiter)]
Glob = Annotated[str, AfterValidator(_pattern)]
