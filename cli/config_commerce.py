"""Settings of the commerce marts (exchange rates, RFM, lifecycle, recommendations, health) and the row that hands them to SQL."""

from typing import Literal

from pydantic import Field, model_validator

from cli.config_sources import Part

Cell = str | int | float


class Rates(Part):
    """How long a quote serves: weekends and holidays have none of their own (4 days reach over Easter)."""

    max_age_days: int = Field(4, ge=0, le=31)


class Rfm(Part):
    """The window that recency, frequency and monetary value look at."""

    window_months: int = Field(12, ge=1, le=120)


class Lifecycle(Part):
    """When a customer is late by their own rhythm (median days between purchase days); limits are multiples of it."""

    own_rhythm_from: int = Field(2, ge=2)
    min_rhythm_days: float = Field(7.0, gt=0)
    cooling_after: float = Field(1.5, ge=1)
    at_risk_after: float = Field(2.5, ge=1)
    lost_after: float = Field(4.0, gt=1)

    @model_validator(mode="after")
    def _rising(self) -> "Lifecycle":
        if not self.cooling_after < self.at_risk_after < self.lost_after:
            raise ValueError(
                "cooling_after, at_risk_after and lost_after must rise: a customer cools before they are lost"
            )
        return self


class Recommendations(Part):
    """How many products each customer is offered, whether bought ones may come again, and what is left out for speed."""

    top_n: int = Field(10, ge=1, le=100)
    already_bought: Literal["exclude", "allow"] = "exclude"
    window_months: int = Field(12, ge=1, le=120)
    min_together: int = Field(3, ge=1)
    max_products: int = Field(100, ge=2, le=1000)
    neighbours: int = Field(30, ge=1, le=1000)
    leads: bool = False


class HealthWeights(Part):
    """What each component counts; those that are unknown for a customer are left out and the rest make up for them."""

    recency: float = Field(50.0, ge=0)
    scores: float = Field(20.0, ge=0)
    tickets: float = Field(15.0, ge=0)
    sessions: float = Field(15.0, ge=0)

    @model_validator(mode="after")
    def _some(self) -> "HealthWeights":
        if not self.recency + self.scores + self.tickets + self.sessions:
            raise ValueError("at least one weight must be above 0")
        return self


class Health(Part):
    """The health score and the period it is tested on."""

    weights: HealthWeights = HealthWeights()
    horizon_days: int = Field(90, ge=7, le=730)
    score_window_days: int = Field(365, ge=1)
    tickets_zero_from: int = Field(3, ge=1)
    sessions_window_days: int = Field(90, ge=1)
    sessions_full_from: int = Field(3, ge=1)


class Commerce(Part):
    """What the commerce marts need to know; the sections stand at the top of `cdp.yml`, not below a name of their own."""

    rates: Rates = Rates()
    rfm: Rfm = Rfm()
    lifecycle: Lifecycle = Lifecycle()
    recommendations: Recommendations = Recommendations()
    health: Health = Health()


def columns(settings: Commerce) -> list[tuple[str, str, Cell]]:
    """(column, contract type, value) of the one row of `config_commerce`."""
    found: list[tuple[str, str, Cell]] = []
    for section in ("rates", "rfm", "lifecycle", "recommendations", "health"):
        for name, value in getattr(settings, section):
            if isinstance(value, HealthWeights):
                found += [(f"health_weight_{part}", "double", weight) for part, weight in value]
            else:
                kind = {int: "int", float: "double", str: "string", bool: "boolean"}[type(value)]
                found.append((f"{section}_{name}", kind, value))
    return found
