"""What cdp.yml says of predictions, as the one row of `prediction_clock` carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime

# Raise it when the same facts would give another fit: then the fits of the week are made anew.
FITS_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """One row of `prediction_clock`; shares are 0 to 1, `discount_rate` is a year's."""

    as_of: datetime
    as_of_on: date
    cutoff_on: date
    week_start: date
    run_id: str
    model: str
    horizon_days: int
    margin: float | None
    discount_rate: float | None
    min_customers: int
    min_repeat_customers: int
    min_outcomes: int
    min_history_horizons: float
    min_ended_subscriptions: int
    max_calibration_error: float
    max_total_error: float
    max_value_correlation: float

    @property
    def horizon_weeks(self) -> float:
        """The horizon in the unit of the models."""
        return self.horizon_days / 7

    @property
    def text(self) -> str:
        """Everything a fit depends on but the data: fits of other settings are not used."""
        names = [one.name for one in fields(self) if one.name.startswith(("min_", "max_"))]
        told = " ".join(f"{name}={getattr(self, name)}" for name in ("model", "horizon_days", *names))
        return f"v{FITS_VERSION} {told}"


def settings_of(row: Mapping[str, object]) -> Settings:
    """The settings from a row of `prediction_clock`."""
    return Settings(**{one.name: row[one.name] for one in fields(Settings)})  # type: ignore[arg-type]
