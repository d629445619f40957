"""Section `prediction` of cdp.yml: churn, expected orders and value, and below what they are refused.

The floors follow what vendors ask (500 profiles and twice the window: Microsoft Customer Insights; 100 who did and 100
who did not: Segment), so that a company may raise them, or lower them and say why.
"""

from typing import Literal

from pydantic import Field, model_validator

from cli.config_sources import Part


class Prediction(Part):
    """What is predicted, from which model, and when it is refused. Shares are 0 to 1; `discount_rate` is a year's."""

    model: Literal["mbg_nbd", "pareto_nbd", "bg_nbd"] = "mbg_nbd"
    horizon_days: int = Field(90, ge=7, le=730)
    margin: float | None = Field(None, gt=0, le=1)
    discount_rate: float | None = Field(None, ge=0, le=1)
    min_customers: int = Field(500, ge=30)
    min_repeat_customers: int = Field(100, ge=30)
    min_outcomes: int = Field(50, ge=10)
    min_history_horizons: float = Field(2.0, ge=1)
    min_ended_subscriptions: int = Field(50, ge=10)
    max_calibration_error: float = Field(0.1, gt=0, le=1)
    max_total_error: float = Field(0.3, gt=0)
    max_value_correlation: float = Field(0.3, gt=0, le=1)
    # whether payments of subscriptions arrive as orders too; not said = not known
    orders_include_subscriptions: bool | None = None

    @model_validator(mode="after")
    def _both(self) -> "Prediction":
        if (self.margin is None) != (self.discount_rate is None):
            raise ValueError("clv_12m needs both margin and discount_rate; give both or neither")
        return self
