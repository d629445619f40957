"""The `journeys:` part of `cdp.yml`: ordered stages, each a condition on touches of `marts.customer_timeline`.

The first stage is the entry, the last the goal. A stage is reached by the first fitting touch after the stage before it.
"""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from cli.config_sales import DAYS
from cli.config_sources import Part
from cli.config_values import Name

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", max_length=60)]
Value = Annotated[str, Field(min_length=1, max_length=200)]
CONDITIONS = ("kind", "touchpoint", "channel", "detail")
# The kinds customer_timeline has (a call is an interaction of channel `call`); of another kind nobody ever reached a stage.
KINDS = ("answer", "interaction", "message", "order", "post", "session", "ticket")


class JourneyStage(Part):
    """One stage: touches of one of these kinds that fit every other word said; `detail` may end in `*`."""

    name: Name
    kind: list[Kind] = Field(min_length=1)
    touchpoint: list[Value] = Field([])
    channel: list[Value] = Field([])
    detail: list[Value] = Field([])
    by: Literal["customer", "us"] | None = None
    within: str | None = Field(None, pattern=DAYS)

    @field_validator(*CONDITIONS, mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("kind")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"no touch is of kind {unknown[0]!r}; kinds are {', '.join(KINDS)}")
        return kinds

    @property
    def within_days(self) -> int | None:
        """Days allowed since the stage before; None = ever."""
        return int(self.within[:-1]) if self.within else None


class Journey(Part):
    """A way customers go. `reentry`: never, after_goal (a new entry counts once the goal is reached) or always."""

    stages: list[JourneyStage] = Field(min_length=2, max_length=20)
    reentry: Literal["never", "after_goal", "always"] = "never"

    @model_validator(mode="after")
    def _order(self) -> "Journey":
        names = [stage.name for stage in self.stages]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"two stages are called `{twice}`")
        if self.stages[0].within:
            raise ValueError("the first stage is the entry: `within` has nothing to count from")
        return self


COLUMNS = (
    ("journey", "string"),
    ("reentry", "string"),
    ("stages", "int"),
    ("stage_no", "int"),
    ("stage", "string"),
    ("within_days", "int"),
    ("kind", "string"),
    ("touchpoint", "string"),
    ("channel", "string"),
    ("detail", "string"),
    ("detail_start", "string"),
    ("is_by_customer", "boolean"),
)


def journey_rows(journeys: dict[str, Journey]) -> list[tuple[Any, ...]]:
    """One row per journey, stage and combination of the words its condition lists (see COLUMNS)."""
    return [
        (name, journey.reentry, len(journey.stages), number, stage.name, stage.within_days, *condition)
        for name, journey in journeys.items()
        for number, stage in enumerate(journey.stages, start=1)
        for condition in _conditions(stage)
    ]


def _conditions(stage: JourneyStage) -> Iterator[tuple[object, ...]]:
    by = None if stage.by is None else stage.by == "customer"
    said = (_or_none(stage.touchpoint), _or_none(stage.channel), _or_none(stage.detail))
    for kind, touchpoint, channel, detail in product(stage.kind, *said):
        start = detail[:-1] if detail and detail.endswith("*") else None
        yield kind, touchpoint, channel, None if start is not None else detail, start, by


def _or_none(values: list[str]) -> list[str | None]:
    return [*values] or [None]
