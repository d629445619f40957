"""Options of a destination in cdp.yml: typed, so that a wrong one is named before anything is sent.

A value such as `${NAME}` stands for a secret of the environment; it is filled in just before sending, so text
options accept it as it is.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
RATE = re.compile(r"(\d+)/(\d*)(s|min|h|d)")


class Options(BaseModel):
    """What every destination understands. `pace` is no option of cdp.yml: the command line fills it in."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )
    pace: Path | None = None

    def __repr__(self) -> str:
        """The type alone: options hold secrets, and a traceback would show them."""
        return f"{type(self).__name__}(...)"


class Rate(BaseModel):
    """At most `requests` in any `seconds`."""

    model_config = ConfigDict(frozen=True)
    requests: int = Field(gt=0)
    seconds: float = Field(gt=0)


def _rate(value: Any) -> Any:
    """`10/s`, `100/10s`, `300/min` -> Rate."""
    match = RATE.fullmatch(str(value).replace(" ", ""))
    if value is None or isinstance(value, Rate | Mapping):
        return value
    if not match or not int(match[1]) or match[2] == "0":
        raise ValueError("a rate is written as 10/s, 100/10s, 300/min or 50000/d")
    return Rate(requests=int(match[1]), seconds=int(match[2] or 1) * UNITS[match[3]])


def _address(value: str) -> str:
    """An http(s) address whose host is fixed: a placeholder may stand after it only."""
    if not re.match(r"(https?://[^/{}?#]|\$\{[A-Z])", value):
        raise ValueError("must be an http or https address (is its ${VARIABLE} set?)")
    return value.rstrip("/") if value.count("/") == 3 else value


RateLimit = Annotated[Rate | None, BeforeValidator(_rate)]
Address = Annotated[str, AfterValidator(_address)]
Token = Annotated[str, Field(min_length=1)]


class HttpOptions(Options):
    """What every destination behind HTTP understands."""

    rate_limit: RateLimit = None
    batch_size: int = Field(500, ge=1)
    timeout_seconds: float = Field(30, gt=0)
    # time that waiting and trying again may take in all, per sync and run; after it, rows wait for the next run
    retry_seconds: float = Field(60, ge=0)


def parse(model: type[Options], options: Mapping[str, Any]) -> Options:
    """Options as values.

    Raises pydantic's ValidationError; `problems` puts it in words.
    """
    return model.model_validate(dict(options))


def problems(model: type[Options], options: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong, each with the path of the option; values are not repeated, they may be secret."""
    try:
        parse(model, options)
    except ValidationError as error:
        return [
            (one["loc"], _told(one, model)) for one in error.errors(include_input=False, include_url=False)
        ]
    return []


def _told(error: Any, model: type[Options]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(field for field in model.model_fields if field != "pace")
        return f"option `{name}` is unknown; options: {known}"
    if error["type"] == "missing":
        return f"option `{name}` is missing"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"option `{name}`: {said[:1].lower()}{said[1:]}" if name else said
