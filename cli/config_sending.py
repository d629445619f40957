"""The `sending:` part of cdp.yml: how often, when and to whom at all we write, over every sync and every tool."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from cli.config_cases import DAYS, days
from cli.config_sources import Part
from cli.config_values import Name, Timezone

if TYPE_CHECKING:
    from cli.config import CdpFile, Company
    from cli.source_checks import Problem

HOURS = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)$")
COLUMNS = (("timezone", "string"), ("quiet_from", "int"), ("quiet_to", "int"), ("minimum_age", "int"))
RULE_COLUMNS = (
    ("kind", "string"),
    ("name", "string"),
    ("text", "string"),
    ("number", "int"),
    ("days", "int"),
)


def _hours(value: str) -> str:
    minutes(value)
    return value


def minutes(value: str) -> tuple[int, int]:
    """First and last minute of the day of `21:00-08:00`. Raises ValueError for anything else, and for hours without length."""
    found = HOURS.match(value)
    if not found:
        raise ValueError(f"no hours {value!r}; write 21:00-08:00")
    first, last = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if first == last:
        raise ValueError(f"{value} begins when it ends; write 21:00-08:00, or leave it out")
    return first, last


Hours = Annotated[str, AfterValidator(_hours)]
# ISO 639 without a region: who prefers vi-VN reads vi
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Cap(Part):
    """At most `max` messages on a channel to one person within `per`, whoever sends them."""

    channel: str = Field(min_length=1)
    max: int = Field(ge=1, le=1000)
    per: str = Field(pattern=DAYS)


class Sending(Part):
    """Limits of what a person gets. Legal grounds are `purposes`; these are manners, and hold for all syncs together."""

    timezone: Timezone | None = None
    """Of people whose own is not known; default: that of `reporting`."""
    quiet_hours: Hours | None = None
    """No calls and no messages on a telephone then (a person's own hours hold for mail too)."""
    caps: list[Cap] = []
    frequencies: dict[str, Annotated[str, Field(pattern=DAYS)]] = {
        "daily": "1d",
        "weekly": "7d",
        "monthly": "30d",
        "quarterly": "91d",
    }
    """What the words of preferences mean: one message at the most within so long."""
    never: list[str] = ["never", "none", "off", "unsubscribe_all"]
    """Frequencies that refuse."""
    topics: dict[Name, Annotated[list[str], Field(min_length=1)]] = {}
    """Purpose: what it writes about. Who stated topics and none of these gets nothing for it."""
    languages: dict[Name, Annotated[list[Language], Field(min_length=1)]] = {}
    """Purpose: the languages it is written in. Who stated languages and none of these gets nothing for it."""
    exempt: list[Name] = []
    """Purposes that caps, frequencies, topics, languages and the preferred channel do not hold back; quiet hours do."""
    lists: list[Name] = []
    """Purposes whose syncs only keep a list at a tool that reports what it sends: a delivery there is no message."""
    minimum_age: int | None = Field(18, ge=1, le=30)
    """Nobody known to be younger is written to; null: age does not matter."""
    consent_categories: dict[str, list[Name]] = {}
    """Category of a consent banner (Segment `context.consent.categoryPreferences`): the purposes it speaks of."""


def settings_row(file: "CdpFile") -> tuple[object, ...]:
    """The row of `config_sending`, see `COLUMNS`; minutes are of the local day."""
    sending = file.sending
    hours = minutes(sending.quiet_hours) if sending.quiet_hours else (None, None)
    return sending.timezone or file.reporting.timezone, *hours, sending.minimum_age


def rule_rows(file: "CdpFile") -> list[tuple[object, ...]]:
    """The rows of `config_send_rules`, see `RULE_COLUMNS`."""
    sending = file.sending
    return [
        *(("cap", one.channel.lower(), None, one.max, days(one.per)) for one in sending.caps),
        *(("frequency", word.lower(), None, 1, days(per)) for word, per in sending.frequencies.items()),
        *(("never", word.lower(), None, None, None) for word in sending.never),
        *(
            ("topic", name, topic.lower(), None, None)
            for name, topics in sending.topics.items()
            for topic in topics
        ),
        *(
            ("language", name, language, None, None)
            for name, languages in sending.languages.items()
            for language in languages
        ),
        *(("exempt", name, None, None, None) for name in sending.exempt),
        *(("list", name, None, None, None) for name in sending.lists),
        *(
            ("category", category, name, None, None)
            for category, names in sending.consent_categories.items()
            for name in names
        ),
        *(("cooldown", name, None, 1, days(file.cx.survey_cooldown)) for name in survey_purposes(file)),
    ]


def survey_purposes(file: "CdpFile") -> list[str]:
    """Purposes that ask for answers: those that say so, and the one whose consents `survey_eligibility` reads."""
    said = [name for name, one in file.purposes.items() if one.survey]
    named = file.cx.survey_purpose
    return [*said, *([named] if named and named not in said else [])]


def sending_problems(company: "Company") -> Iterator["Problem"]:
    """Purposes and channels that the file does not declare."""
    sending, purposes = company.file.sending, company.file.purposes
    told = ", ".join(purposes) or "none"
    named = [(("sending", "topics", name), name) for name in sending.topics]
    named += [(("sending", "languages", name), name) for name in sending.languages]
    named += [(("sending", "exempt", n), name) for n, name in enumerate(sending.exempt)]  # type: ignore[misc]
    named += [(("sending", "lists", n), name) for n, name in enumerate(sending.lists)]  # type: ignore[misc]
    named += [
        (("sending", "consent_categories", category), name)
        for category, names in sending.consent_categories.items()
        for name in names
    ]
    for where, name in named:
        if name not in purposes:
            yield where, f"no purpose `{name}`; declared purposes: {told}"
