"""`cdp.yml` -> a checked, frozen `Company`; every error at once, with file:line.

Pydantic holds the shape (and gives the JSON schema that ships in `docs/cdp.schema.json`); the checks that need
two places of the file (a purpose that no list declares, a column no entity has) follow in `config_checks.py`.
Secrets stay references (`${NAME}`) until the moment of use: see `secret`.
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from cli import yaml_lines
from cli.config_audiences import Audience
from cli.config_cases import DAYS, Cases
from cli.config_commerce import Commerce
from cli.config_cx import Drivers, Survey
from cli.config_exports import Exports
from cli.config_journeys import Journey
from cli.config_operations import AlertChannel, PublishedFile
from cli.config_prediction import Prediction
from cli.config_sales import Campaigns, Sales
from cli.config_sending import Sending
from cli.config_sources import Part, Source
from cli.config_survivorship import Survivorship
from cli.config_text import Text
from cli.config_triggers import Triggers
from cli.config_values import Currency, Name, Timezone
from cli.config_web import Web
from pipelines.destination_types import OWN, TYPES
from pipelines.errors import UsageError


class Clock(Part):
    """`as_of` of the run: the moment the run starts, or a pinned ISO instant."""

    as_of: Literal["run_start"] | datetime = "run_start"


class Reporting(Part):
    """Calendar and money of reports; `notice` stands at the head of every page (`Simulated company`)."""

    timezone: Timezone = "UTC"
    currency: Currency = "USD"
    week_starts: Literal["monday", "sunday"] = "monday"
    notice: str | None = Field(None, min_length=1, max_length=200)


class Warehouse(Part):
    """The private file, the published file and what DuckDB may use."""

    path: str = "warehouse/cdp.duckdb"
    published: str = "warehouse/marts.duckdb"
    memory_limit: str = Field("4GB", pattern=r"^\d+(\.\d+)?\s?(MB|GB|MiB|GiB)$")
    temp_limit: str = Field("20GB", pattern=r"^\d+(\.\d+)?\s?(MB|GB|MiB|GiB)$")
    previous: int = Field(2, ge=0, le=50)
    """Published versions kept for `cdp publish --rollback`."""
    compact_above: float = Field(0.2, gt=0, le=1)
    """The file is rewritten when more of it is free, or when it has grown by more since it was last full."""
    compact_bytes: int = Field(64_000_000, ge=0)
    """A smaller file is left alone."""


class Identifier(Part):
    """How a value may link records: where it is unique, and its limits counted in profiles."""

    kind: Literal["person", "device"] = "person"
    scope: Literal["global", "brand", "source"] = "global"
    max_per_customer: int | None = Field(None, ge=1)
    max_profiles: int | None = Field(None, ge=1)
    window: str | None = Field(None, pattern=r"^[1-9]\d{0,4}d$")

    @property
    def window_days(self) -> int | None:
        """Days within which the limits count; None = ever."""
        return int(self.window[:-1]) if self.window else None


class Fuzzy(Part):
    """Probabilistic links between contacts, by the reviewed model file; target precisions of what is merged and what is shown."""

    enabled: bool = True
    model: str = "identity_model.json"
    merge_at: float = Field(0.97, gt=0, lt=1)
    review_at: float = Field(0.80, gt=0, lt=1)


# No `max_per_customer`: the duplicates inside one CRM are what people want joined. Say 1 where a source has one account a person.
DEFAULT_IDENTIFIERS = {
    "user_id": Identifier(scope="source"),
    "email": Identifier(max_profiles=20),
    "phone": Identifier(max_profiles=10),
    "anonymous_id": Identifier(kind="device"),
}


class Identity(Part):
    """Which values link records. The order of `identifiers` is their priority."""

    identifiers: dict[Name, Identifier] = DEFAULT_IDENTIFIERS
    fuzzy: Fuzzy = Fuzzy()
    max_cluster_size: int = Field(500, ge=2)
    salt: str | None = None


class Question(Part):
    """One survey question: its metric and the meaning of its numbers."""

    metric: Literal["nps", "csat", "ces", "rating"]
    scale: tuple[int, int]
    missing: list[int | str] = []
    kind: Literal["relational", "transactional"] = "relational"
    """About the whole relation, or about one contact; a question with a touchpoint must say. The two are never pooled."""
    satisfied_from: int | None = None
    easy_from: int | None = None
    high_is: Literal["easy", "effort"] = "easy"
    touchpoint: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Question":
        low, high = self.scale
        if low >= high:
            raise ValueError("scale must be [low, high]")
        if self.metric == "nps" and self.scale != (0, 10):
            raise ValueError("NPS is defined on the scale [0, 10] only")
        if self.metric == "csat" and not low < (self.satisfied_from or low) <= high:
            raise ValueError("csat needs satisfied_from inside its scale")
        if self.touchpoint and "kind" not in self.model_fields_set:
            raise ValueError(
                "a question about a touchpoint says its kind: transactional (after a contact) or relational"
            )
        if self.metric == "ces" and not low < (self.easy_from or low) <= high:
            raise ValueError("ces needs easy_from inside its scale (after orientation: high is easy)")
        return self


class Cx(Part):
    """Customer experience definitions."""

    questions: dict[str, Question] = {}
    cases: Cases = Cases()
    case_owners: dict[str, str] = {}
    survey_cooldown: str = Field("30d", pattern=DAYS)
    survey_purpose: Name | None = None
    dimensions: list[Name] = []
    """Attributes of responses that scores are cut by, beside survey, touchpoint, channel, language, source and brand."""
    response_window_days: int = Field(30, ge=1, le=365)
    """An invitation is open so long; after it, an answer no longer counts for the response rate."""
    duplicate_minutes: int = Field(10, ge=0, le=1440)
    """A person's answer to the same question so shortly before another is an earlier submission of it; 0 = never."""
    surveys: dict[str, Survey] = {}
    """What holds for a survey by its name."""
    drivers: list[Drivers] | None = None
    """What scores are analysed against; null = each relational question against the transactional ones, [] = nothing."""


class Purpose(Part):
    """Why somebody may be written to: its legal basis and the channel it uses."""

    basis: Literal["consent", "legitimate_interest", "contract"]
    channel: str | None = None
    expires_after: str | None = Field(None, pattern=r"^\d+d$")
    survey: bool = False
    """It asks people for answers: who was asked within `cx.survey_cooldown`, by whatever survey, waits."""

    @property
    def expires_after_days(self) -> int | None:
        """Days a grant lasts; None = until withdrawn."""
        return int(self.expires_after[:-1]) if self.expires_after else None

    @model_validator(mode="after")
    def _channel(self) -> "Purpose":
        if self.basis != "contract" and not self.channel:
            raise ValueError(f"a purpose based on {self.basis} needs a channel")
        return self


class Destination(BaseModel):
    """Where a sync sends to; options beside `type` belong to the destination, which checks them (docs/destinations.md).

    `type` is one of ours, or a module of the company by its path (`destinations/desk.py`).
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    type: Annotated[str, Field(json_schema_extra={"anyOf": [{"enum": sorted(TYPES)}, {"pattern": OWN}]})]

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in TYPES and not re.match(OWN, value):
            known = ", ".join(sorted(TYPES))
            raise ValueError(
                f"`{value}` is unknown; types: {known}, or the path of a module (destinations/desk.py)"
            )
        return value

    def kind(self, root: Path) -> str:
        """The type by which a destination is opened: a company's own module by its whole path."""
        return self.type if self.type in TYPES else str(root / self.type)


class Quality(Part):
    """Limits of the quality gate."""

    max_quarantine: float = Field(0.01, ge=0, le=1)


class CdpFile(Commerce):
    """The whole of `cdp.yml`."""

    clock: Clock = Clock()
    reporting: Reporting = Reporting()
    warehouse: Warehouse = Warehouse()
    sources: list[Source] = Field(min_length=1)
    identity: Identity = Identity()
    cx: Cx = Cx()
    purposes: dict[Name, Purpose] = {}
    destinations: dict[Name, Destination] = {}
    quality: Quality = Quality()
    prediction: Prediction = Prediction()
    sales: Sales = Sales()
    campaigns: Campaigns = Campaigns()
    journeys: dict[Name, Journey] = {}
    web: Web = Web()
    survivorship: Survivorship = Survivorship()
    text: Text = Text()
    exports: Exports = Exports()
    audiences: dict[Name, Audience] = {}
    sending: Sending = Sending()
    publish: list[PublishedFile] = []
    alerts: list[AlertChannel] = []
    triggers: Triggers = Triggers()


@dataclass(frozen=True)
class Company:
    """A company folder: the checked file and every path, absolute."""

    config_path: Path
    file: CdpFile

    @property
    def root(self) -> Path:
        """The company's folder."""
        return self.config_path.parent

    @property
    def dot(self) -> Path:
        """Everything generated; may be deleted, except dlt's working state."""
        return self.root / ".cdp"

    @property
    def models(self) -> Path:
        """The company's own dbt models."""
        return self.root / "models"

    @property
    def generated(self) -> Path:
        """Dbt models generated from `cdp.yml`."""
        return self.dot / "models"

    @property
    def warehouse(self) -> Path:
        """The private DuckDB file."""
        return self.root / self.file.warehouse.path

    @property
    def identity_model(self) -> Path:
        """The reviewed model of probable links, beside cdp.yml."""
        return self.root / self.file.identity.fuzzy.model

    @property
    def published(self) -> Path:
        """The read-only file BI tools open."""
        return self.root / self.file.warehouse.published

    def published_file(self, file: PublishedFile) -> Path:
        """A further published file; beside the main one, unless its path says otherwise."""
        return self.root / file.path if file.path else self.published.with_name(f"{file.name}.duckdb")

    @property
    def memory_limit(self) -> str:
        """DuckDB memory_limit."""
        return self.file.warehouse.memory_limit

    @property
    def temp_limit(self) -> str:
        """DuckDB max_temp_directory_size."""
        return self.file.warehouse.temp_limit

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The declared sources, with what a preset or the Segment spec says of their tables filled in."""
        from cli.presets import expand
        from cli.segment import with_tables
        from cli.staged import named_as_in_raw

        return tuple(named_as_in_raw(with_tables(expand(source))) for source in self.file.sources)

    @property
    def destinations(self) -> dict[str, Destination]:
        """Declared destinations by name."""
        return self.file.destinations

    @property
    def quality(self) -> Quality:
        """Limits of the quality gate."""
        return self.file.quality

    def as_of(self, started_at: datetime) -> datetime:
        """The run's clock: pinned, or the start of the run (UTC)."""
        pinned = self.file.clock.as_of
        moment = started_at if isinstance(pinned, str) else pinned
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def load_company(path: Path) -> Company:
    """Read and check `cdp.yml`.

    Raises UsageError (exit 2) that lists every problem with file:line; nothing is done before that.
    """
    from cli.config_checks import problems

    if not path.is_file():
        raise UsageError(
            f"no configuration at {path}",
            hint="run where cdp.yml is, name it with --config FILE, or set CDP_CONFIG",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise UsageError(
            f"{path}: cannot be read: {error}", hint="save the file as UTF-8, readable"
        ) from error
    data, lines = yaml_lines.load(text, path.name)
    if not isinstance(data, dict):
        raise UsageError(
            f"{path.name}:1: the file must be a mapping", hint="start with `sources:`; see README"
        )
    try:
        file = CdpFile.model_validate(data)
    except ValidationError as error:
        found = [_describe(one, lines) for one in error.errors()]
        raise UsageError(_list(path.name, found), hint="see README, section `cdp.yml`") from error
    company = Company(path.resolve(), file)
    found = [(yaml_lines.line_of(lines, at), message) for at, message in problems(company)]
    if found:
        raise UsageError(_list(path.name, found), hint="fix these and run `cdp validate-config`")
    return company


def secret(value: str, where: str) -> str:
    """Fill `${NAME}` from the environment; the value is never printed.

    Raises UsageError naming the missing variable and the place that asks for it.
    """

    def fill(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise UsageError(
                f"{where} needs the environment variable {match[1]}, which is not set",
                hint=f"export {match[1]}=... before `cdp run`",
            )
        return found

    return re.sub(r"\$\{([A-Z][A-Z0-9_]*)\}", fill, value)


def _describe(error: Any, lines: dict[yaml_lines.Path, int]) -> tuple[int, str]:
    # A union (str | list | ColumnMap) adds its member's name to the path; drop what is no key of the file.
    path = tuple(part for part in error["loc"] if part not in ("str", "list[str]", "ColumnMap"))
    where = ".".join(str(part) for part in path)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown key"
    return yaml_lines.line_of(lines, path), f"{where}: {message}"


def _list(name: str, found: list[tuple[int, str]]) -> str:
    unique = sorted(set(found))
    head = "1 problem" if len(unique) == 1 else f"{len(unique)} problems"
    return "\n".join([f"{name}: {head}", *(f"  {name}:{line}: {message}" for line, message in unique)])
