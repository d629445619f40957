"""The `sources:` part of `cdp.yml`: what delivers, how it is read, and how its columns feed canonical entities.

Connectors: `files` and `segment` read deliveries in a folder; `sql` and `rest` fetch. What `auth`, `paginator`, `endpoint`
and `incremental` may say is the vocabulary of dlt's `rest_api`; ours adds `lag` and how deletions are seen.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cli.config_values import Currency, Delimiter, Encoding, Glob, Name, Timezone


class Part(BaseModel):
    """Base of every part of the file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ColumnMap(Part):
    """One mapped column: source column, or a constant; `format` is a strptime pattern for dates."""

    column: str | None = None
    value: str | None = None
    format: str | None = None
    pii: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> "ColumnMap":
        if (self.column is None) == (self.value is None):
            raise ValueError("give either `column` or `value`")
        return self


class Options(Part):
    """What may be said of a whole source or of one table; the table's word counts."""

    brand: str | None = None
    region: str | None = Field(None, pattern=r"^[A-Z]{2}$")
    timezone: Timezone | None = None
    currency: Currency | None = None
    decimal: Literal[".", ","] | None = None
    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    touchpoint: str | None = None
    channel: str | None = None


class Incremental(Part):
    """Fetch only what changed: a cursor column (sql) or field (rest) that grows with every change.

    `lag` is taken off the last cursor value, so that rows committed late are not missed: seconds for times, days for
    dates, units for numbers. What is read again unchanged is not loaded again.
    """

    cursor_path: str = Field(min_length=1)
    initial_value: str | int | None = None
    lag: int = Field(0, ge=0)
    start_param: str | None = None


class Endpoint(Part):
    """One endpoint of an API, in the words of dlt's `rest_api`."""

    path: str = Field(min_length=1)
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, Any] = {}
    json_body: dict[str, Any] | None = Field(None, alias="json")
    data_selector: str | None = None
    paginator: str | dict[str, Any] | None = None


COLUMN_MAPS = dict[Name, str | list[str] | ColumnMap]


class Table(Options):
    """One source table and how its columns feed a canonical entity."""

    name: Name
    entity: str = ""
    path: Glob | None = None
    header_rows: Annotated[int, Field(ge=1, le=10)] = 1
    table: str | None = Field(None, min_length=1)
    endpoint: Endpoint | None = None
    include_from_parent: list[str] = []
    incremental: Incremental | None = None
    deletions: Literal["ignore", "compare"] = "ignore"
    key: list[str] = []
    updated_at: str | None = None
    deleted_at: str | None = None
    columns: COLUMN_MAPS = {}
    questions: dict[Name, str] = {}

    @field_validator("key", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class Source(Options):
    """One system that delivers data."""

    name: Name
    connector: Literal["files", "sql", "rest", "segment"] | None = None
    preset: Name | None = None
    only: list[Name] = []
    path: Glob | None = None
    url: str | None = None
    database_schema: str | None = Field(None, alias="schema")
    base_url: str | None = None
    headers: dict[str, str] = {}
    auth: dict[str, Any] | None = None
    paginator: str | dict[str, Any] | None = None
    tables: list[Table] = []
    freshness: str | None = Field(None, pattern=r"^[1-9]\d{0,4}[mhd]$")
    """How often it promises to deliver: minutes, hours or days. A run without a delivery for so long ends with 4 and an alert."""

    @property
    def freshness_promised(self) -> timedelta | None:
        """The promise as a length of time."""
        if self.freshness is None:
            return None
        unit = {"m": "minutes", "h": "hours", "d": "days"}[self.freshness[-1]]
        return timedelta(**{unit: int(self.freshness[:-1])})
