"""The `triggers:` part of `cdp.yml`: messages that somebody's doing, or not doing, sets off.

`cart`: a cart that is left gets a mail, and a text with a code when nothing comes of the mail. `surveys`: an order that was
delivered, or a ticket that was solved, gets one invitation. `journeys:` is something else: stages that touches are counted by.
Waits are kept to the first run after they end; what happens on the way is SQL (models/activation, docs/triggers.md).
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from cli.config_sources import Part
from cli.config_values import Name

if TYPE_CHECKING:
    from cli.config import Company
    from cli.source_checks import Problem

WAIT = r"^\d{1,4}[mhd]$"
SECONDS = {"m": 60, "h": 3600, "d": 86400}
HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$")
CART = "cart"


class Message(Part):
    """One message: its channel, the purpose whose basis it needs, and the local hours in which it is not sent."""

    channel: Literal["email", "sms"] = "email"
    purpose: Name
    after: str = Field("4h", pattern=WAIT)
    quiet_hours: str | None = None

    @field_validator("quiet_hours", mode="before")
    @classmethod
    def _hours(cls, value: object) -> object:
        if value is not None and not HOURS.match(str(value)):
            raise ValueError(f"{value!r} is no stretch of the day; write 21:00-08:00")
        return value

    @property
    def quiet_seconds(self) -> tuple[int | None, int | None]:
        """Begin and end of the quiet hours, in seconds of the local day."""
        match = HOURS.match(self.quiet_hours) if self.quiet_hours else None
        if match is None:
            return None, None
        hours = [int(part) for part in match.groups()]
        return hours[0] * 3600 + hours[1] * 60, hours[2] * 3600 + hours[3] * 60


class CodeMessage(Message):
    """A message with a code of a pool that was loaded (entity `coupon`); without a free code it waits."""

    channel: Literal["email", "sms"] = "sms"
    quiet_hours: str | None = "21:00-08:00"
    pool: str | None = Field(None, min_length=1, max_length=100)
    discount_percent: int | None = Field(10, ge=1, le=100)

    @model_validator(mode="after")
    def _code(self) -> "CodeMessage":
        if self.pool is not None and self.discount_percent is None:
            raise ValueError("a code of a pool needs `discount_percent`: what the message promises")
        return self


class CartTrigger(Part):
    """A cart nobody touches: `first` is due `after` its last act, `second` `after` the first was sent and nothing came of it."""

    first: Message
    second: CodeMessage | None = None
    give_up_after: str = Field("3d", pattern=WAIT)


class SurveyTrigger(Message):
    """One invitation per delivered order or solved ticket; `answers_in` is the source whose answers bring its id back."""

    when: Literal["order_delivered", "ticket_solved"]
    after: str = Field("0m", pattern=WAIT)
    survey: Name
    touchpoint: str | None = Field(None, min_length=1, max_length=100)
    answers_in: Name
    give_up_after: str = Field("7d", pattern=WAIT)


class Triggers(Part):
    """What sets off a message. Nothing is declared, nothing is sent."""

    cart: CartTrigger | None = None
    surveys: dict[Name, SurveyTrigger] = Field({})

    @field_validator("surveys")
    @classmethod
    def _free(cls, surveys: dict[str, SurveyTrigger]) -> dict[str, SurveyTrigger]:
        if CART in surveys:
            raise ValueError("a survey may not be called `cart`: that is the cart trigger's name")
        return surveys


COLUMNS = (
    ("trigger_name", "string"),
    ("kind", "string"),
    ("step_no", "int"),
    ("step", "string"),
    ("channel", "string"),
    ("purpose", "string"),
    ("wait_seconds", "bigint"),
    ("give_up_seconds", "bigint"),
    ("quiet_from", "int"),
    ("quiet_to", "int"),
    ("pool", "string"),
    ("discount_percent", "int"),
    ("survey", "string"),
    ("touchpoint", "string"),
    ("answers_in", "string"),
)


def seconds(wait: str) -> int:
    """Seconds of a wait such as `4h`."""
    return int(wait[:-1]) * SECONDS[wait[-1]]


def trigger_rows(triggers: Triggers) -> list[tuple[Any, ...]]:
    """One row per trigger and step (see COLUMNS)."""
    rows: list[tuple[Any, ...]] = []
    cart = triggers.cart
    for number, (name, step) in enumerate(_cart_steps(cart), start=1):
        assert cart is not None
        pool = (
            (step.pool, step.discount_percent)
            if isinstance(step, CodeMessage) and step.pool
            else (None, None)
        )
        rows.append(
            (CART, "cart", number, name, *_message(step, cart.give_up_after), *pool, None, None, None)
        )
    for name, one in triggers.surveys.items():
        asked = (None, None, one.survey, one.touchpoint, one.answers_in)
        rows.append((name, one.when, 1, "invitation", *_message(one, one.give_up_after), *asked))
    return rows


def _cart_steps(cart: CartTrigger | None) -> list[tuple[str, Message]]:
    if cart is None:
        return []
    return [("first", cart.first), *([("second", cart.second)] if cart.second else [])]


def _message(one: Message, give_up_after: str) -> tuple[Any, ...]:
    return one.channel, one.purpose, seconds(one.after), seconds(give_up_after), *one.quiet_seconds


def trigger_problems(company: "Company") -> Iterator["Problem"]:
    """What the triggers name and the file does not have."""
    triggers, file = company.file.triggers, company.file
    places: list[tuple[tuple[str, ...], Message]] = [
        (("triggers", "cart", name), step) for name, step in _cart_steps(triggers.cart)
    ]
    places += [(("triggers", "surveys", name), one) for name, one in triggers.surveys.items()]
    for place, one in places:
        purpose = file.purposes.get(one.purpose)
        if purpose is None:
            told = ", ".join(file.purposes) or "none"
            yield (*place, "purpose"), f"no purpose `{one.purpose}`; declared purposes: {told}"
        elif purpose.channel not in (None, one.channel):
            yield (
                (*place, "purpose"),
                f"purpose `{one.purpose}` is about channel {purpose.channel}, the message goes by {one.channel}",
            )
    sources = [source.name for source in file.sources]
    for name, survey in triggers.surveys.items():
        if survey.answers_in not in sources:
            yield (
                ("triggers", "surveys", name, "answers_in"),
                f"no source `{survey.answers_in}`; declared sources: {', '.join(sources)}",
            )
    yield from _pool_problems(company)


def _pool_problems(company: "Company") -> Iterator["Problem"]:
    cart = company.file.triggers.cart
    if cart is None or cart.second is None or cart.second.pool is None:
        return
    if not any(table.entity == "coupon" for source in company.sources for table in source.tables):
        yield (
            ("triggers", "cart", "second", "pool"),
            "no table of entity `coupon` is declared: codes could never be there",
        )
