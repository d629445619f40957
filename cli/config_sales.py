"""The `sales:` and `campaigns:` parts of `cdp.yml`: what the stages of a deal mean, and when a campaign has sold something."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cli.config_sources import Part

DAYS = r"^[1-9]\d{0,3}d$"
StageKey = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=200)]


class DealStage(Part):
    """One stage: the chance that a deal in it is won (measured from history where none is declared), or how it ended."""

    probability: float | None = Field(None, ge=0, le=1)
    is_won: bool = False
    is_lost: bool = False

    @model_validator(mode="after")
    def _one_end(self) -> "DealStage":
        if self.is_won and self.is_lost:
            raise ValueError("a stage cannot be both won and lost")
        if self.probability is not None and (self.is_won or self.is_lost):
            raise ValueError("a stage in which a deal has ended needs no probability")
        return self


class Sales(Part):
    """Stages in their order, keyed `stage` or `pipeline.stage`; after `mature_after` a cohort is judged."""

    stages: dict[StageKey, DealStage | None] = Field({})
    mature_after: str = Field("90d", pattern=DAYS)

    @field_validator("stages")
    @classmethod
    def _distinct(cls, stages: dict[str, DealStage | None]) -> dict[str, DealStage | None]:
        # staging writes stages in lower case, so two spellings would be one stage
        if len({name.lower() for name in stages}) < len(stages):
            raise ValueError("two stages differ only in capitals; stages are compared in lower case")
        return stages

    @property
    def mature_days(self) -> int:
        """Days a deal is given to move on or be won before its cohort counts."""
        return int(self.mature_after[:-1])

    @property
    def stage_rows(self) -> list[tuple[object, ...]]:
        """Pipeline (or None), stage, place in the order, probability, won, lost."""
        rows: list[tuple[object, ...]] = []
        for place, (key, said) in enumerate(self.stages.items(), start=1):
            pipeline, _, stage = key.rpartition(".")
            one = said or DealStage()
            row = (pipeline or None, stage.lower(), place, one.probability, one.is_won, one.is_lost)
            rows.append(row)
        return rows


class Campaigns(Part):
    """An order counts for the last campaign touch (`counted_from`) at most `converts_within` before it.

    `spend_channels`: what rows of spend call a channel, and the channel of `marts.attribution` that it pays for.
    """

    converts_within: str = Field("7d", pattern=DAYS)
    counted_from: Literal["delivery", "click"] = "delivery"
    holdout_variants: list[Annotated[str, Field(pattern=r"^[^|]+$")]] = Field(["control", "holdout"])
    spend_channels: dict[StageKey, StageKey] = Field({})

    @property
    def row(self) -> tuple[object, ...]:
        """The settings as one row of `config_campaigns`."""
        held = "|".join(name.lower() for name in self.holdout_variants)
        return int(self.converts_within[:-1]), self.counted_from, f"|{held}|"

    @field_validator("spend_channels")
    @classmethod
    def _one_spelling(cls, channels: dict[str, str]) -> dict[str, str]:
        # staging writes channels in lower case, so two spellings would be one channel
        if len({name.lower() for name in channels}) < len(channels):
            raise ValueError("two channels differ only in capitals; channels are compared in lower case")
        return {name.lower(): channel.lower() for name, channel in channels.items()}


STAGE_COLUMNS = (
    ("pipeline", "string"),
    ("stage", "string"),
    ("stage_order", "int"),
    ("probability", "double"),
    ("is_won", "boolean"),
    ("is_lost", "boolean"),
)
CAMPAIGN_COLUMNS = (("converts_days", "int"), ("counted_from", "string"), ("holdout_variants", "string"))
