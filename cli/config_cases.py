"""The closed-loop part of `cx:` in cdp.yml: what opens a case, who owns it, until when, and when a person may be asked again."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from cli.config_sources import Part
from cli.config_values import Name

if TYPE_CHECKING:
    from cli.config import Company
    from cli.source_checks import Problem

TRIGGERS = ("detractor", "bad_csat", "angry_text")
DAYS = r"^[1-9]\d{0,3}d$"

Rule = tuple[str, str, str | None, int | None]


class Trigger(Part):
    """One reason to open a case: how soon the customer must be contacted, counted round the clock."""

    due: str = Field("48h", pattern=r"^[1-9]\d{0,3}[hd]$")

    @property
    def due_hours(self) -> int:
        """Hours from opening to the deadline of the first contact."""
        return int(self.due[:-1]) * (24 if self.due.endswith("d") else 1)


class Cases(Part):
    """Closed-loop cases. A reason that `triggers` does not list opens none; `bad_to`: highest bad score of a CSAT question."""

    triggers: dict[str, Trigger] = Field(
        {"detractor": Trigger(), "bad_csat": Trigger(due="72h"), "angry_text": Trigger(due="24h")}
    )
    bad_to: dict[str, int] = Field({})
    window: str = Field("30d", pattern=DAYS)
    contact_kinds: list[Name] = Field(["call", "mail", "meeting"], min_length=1)
    contact_within: str = Field("14d", pattern=DAYS)
    follow_up: str = Field("90d", pattern=DAYS)

    def rules(self, owners: Mapping[str, str]) -> list[Rule]:
        """Rows (kind, name, text, number) of the lists above, for SQL to join."""
        return [
            *(("trigger", name, None, one.due_hours) for name, one in self.triggers.items()),
            *(("bad_to", question, None, score) for question, score in self.bad_to.items()),
            *(("contact", kind, None, None) for kind in self.contact_kinds),
            *(("owner", touchpoint, owner, None) for touchpoint, owner in owners.items()),
        ]


def days(text: str) -> int:
    """Whole days of a setting such as `30d`."""
    return int(re.sub(r"\D", "", text))


def case_problems(company: "Company") -> Iterator["Problem"]:
    """What the closed-loop settings name and the file does not have."""
    cx, purposes = company.file.cx, company.file.purposes
    for name in cx.cases.triggers:
        if name not in TRIGGERS:
            yield (
                ("cx", "cases", "triggers", name),
                f"`{name}` opens no case; known triggers: {', '.join(TRIGGERS)}",
            )
    for key, score in cx.cases.bad_to.items():
        question = cx.questions.get(key)
        if question is None or question.metric != "csat":
            told = ", ".join(name for name, one in cx.questions.items() if one.metric == "csat") or "none"
            yield ("cx", "cases", "bad_to", key), f"`{key}` is no CSAT question; questions of CSAT: {told}"
        elif not question.scale[0] <= score < (question.satisfied_from or question.scale[1]):
            yield (
                ("cx", "cases", "bad_to", key),
                f"{score} must lie on the scale and below satisfied_from ({question.satisfied_from})",
            )
    if cx.survey_purpose is not None and cx.survey_purpose not in purposes:
        told = ", ".join(purposes) or "none"
        yield ("cx", "survey_purpose"), f"no purpose `{cx.survey_purpose}`; declared purposes: {told}"
