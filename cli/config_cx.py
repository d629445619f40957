"""`cx:` beside its questions: cuts of scores, closing of surveys, repeated submissions, analyses of drivers.

cdp.yml  ->  rows of `config_cx`, `config_cx_dimensions` and `config_drivers`, which the models of `marts/cx` read
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from cli.config_sources import ColumnMap, Part
from cli.config_values import Name
from cli.entities import entities
from cli.yaml_lines import Path as YamlPath

if TYPE_CHECKING:
    from cli.config import Company, Cx

# What an answer's own order and ticket, and the mails its person opened, can say of it: measure -> unit.
MEASURES = {
    "delivery_delay_hours": "delivered less promised, of the answer's order; early is negative",
    "delivery_hours": "ordered to delivered, of the answer's order",
    "first_reply_hours": "opened to first reply, of the answer's ticket",
    "resolution_hours": "opened to solved, of the answer's ticket",
    "mails_opened_30d": "mails the person opened in the 30 days before the answer, none without mails; machines do not count",
    "sentiment": "-1 to 1, of the words of the same response; not where the company's own scores taught it to read",
    "ticket_sentiment": "-1 to 1, mean of what the person wrote in the answer's ticket before the answer",
}
# What analyses that nobody declared try, beside the transactional questions.
AUTOMATIC_MEASURES = ("delivery_delay_hours", "first_reply_hours")
MAX_DRIVERS = 12
FIXED_DIMENSIONS = ("all", "survey", "touchpoint", "channel", "language", "source", "brand", "segment")
COLUMNS = (("response_window_days", "int"), ("duplicate_minutes", "int"))
DIMENSION_COLUMNS = (("dimension", "string"),)
DRIVER_COLUMNS = (
    ("outcome", "string"),
    ("survey", "string"),
    ("driver", "string"),
    ("measure", "string"),
    ("above", "double"),
    ("is_automatic", "boolean"),
)
SURVEY_COLUMNS = (("survey", "string"), ("named_by_invitation", "boolean"))
Row = tuple[object, ...]


class Survey(Part):
    """One survey. Its answers are nobody's where they name nobody, unless the company says that they were not promised to be."""

    named_by_invitation: bool = False
    """An answer without an identifier belongs to whom its invitation went to. Never for a survey that promised anonymity."""


class Driver(Part):
    """One driver: a measure or a question, as it is or as `above` a limit (1 above it, else 0)."""

    of: str
    name: Name | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _named(self) -> "Driver":
        if self.above is not None and self.name is None:
            raise ValueError("a driver with `above` needs a `name`: late, slow_reply, ...")
        return self


class Drivers(Part):
    """One analysis: what is associated with the score of one question, in one survey or in each that asks it."""

    outcome: str
    survey: str | None = None
    drivers: list[str | Driver] = Field(min_length=1, max_length=MAX_DRIVERS)

    @property
    def parts(self) -> list[Driver]:
        """The drivers, short forms written out."""
        return [Driver(of=one) if isinstance(one, str) else one for one in self.drivers]


def driver_rows(cx: "Cx") -> list[Row]:
    """Rows of `config_drivers`; without `cx.drivers`, each relational question against all transactional ones.

    Of an automatic analysis the fit keeps, survey by survey, what was answered beside the outcome often enough.
    """
    if cx.drivers is not None:
        return [
            (one.outcome, one.survey, part.name or part.of, part.of, part.above, False)
            for one in cx.drivers
            for part in one.parts
        ]
    transactional = [key for key, one in cx.questions.items() if one.kind == "transactional"]
    return [
        (outcome, None, measure, measure, None, True)
        for outcome, one in cx.questions.items()
        if one.kind == "relational"
        for measure in (*transactional, *AUTOMATIC_MEASURES)
    ]


def survey_rows(cx: "Cx") -> list[Row]:
    """Rows of `config_surveys`; names as staging writes them."""
    return [(name.strip().lower(), one.named_by_invitation) for name, one in cx.surveys.items()]


def cx_problems(company: "Company") -> Iterator[tuple[YamlPath, str]]:
    """Dimensions that no response carries, drivers that nothing measures, surveys whose answers name no invitation."""
    cx = company.file.cx
    yield from _dimension_problems(company)
    yield from _survey_problems(company)
    seen: set[tuple[str, str | None]] = set()
    known = {*cx.questions, *MEASURES}
    for number, one in enumerate(cx.drivers or []):
        at: YamlPath = ("cx", "drivers", number)
        if one.outcome not in cx.questions:
            yield (
                (*at, "outcome"),
                f"no question `{one.outcome}` under cx.questions: {', '.join(cx.questions)}",
            )
        if (one.outcome, one.survey) in seen:
            yield (*at, "outcome"), f"`{one.outcome}` has two analyses of one survey; join their drivers"
        seen.add((one.outcome, one.survey))
        names = [part.name or part.of for part in one.parts]
        for place, part in enumerate(one.parts):
            if part.of == one.outcome:
                yield (*at, "drivers", place), f"`{part.of}` cannot drive itself"
            elif part.of not in known:
                told = ", ".join(MEASURES)
                yield (
                    (*at, "drivers", place),
                    f"nothing measures `{part.of}`: a question under cx.questions, or {told}",
                )
            if names.index(names[place]) < place:
                yield (*at, "drivers", place), f"driver `{names[place]}` is named twice"


def _survey_problems(company: "Company") -> Iterator[tuple[YamlPath, str]]:
    tables = [table for source in company.sources for table in source.tables if table.entity == "response"]
    tells = any("invitation_id" in table.columns for table in tables)
    seen: set[str] = set()
    for name, one in company.file.cx.surveys.items():
        at: YamlPath = ("cx", "surveys", name)
        if name.strip().lower() in seen:
            yield at, f"survey `{name}` is declared twice; capitals do not count"
        seen.add(name.strip().lower())
        if one.named_by_invitation and not tells:
            yield (
                (*at, "named_by_invitation"),
                "no response table maps `invitation_id`: answers cannot say which invitation they belong to",
            )


def _dimension_problems(company: "Company") -> Iterator[tuple[YamlPath, str]]:
    dimensions = company.file.cx.dimensions
    is_open = dict(attributes(company, "response")) if dimensions else {}
    for number, name in enumerate(dimensions):
        at: YamlPath = ("cx", "dimensions", number)
        if name in FIXED_DIMENSIONS:
            yield at, f"`{name}` is a cut of every score already"
        elif name not in is_open:
            told = ", ".join(sorted(is_open)) or "none"
            yield at, f"no response table maps an attribute `{name}`; there are: {told}"
        elif not is_open[name]:
            yield at, f"`{name}` counts as personal data; map it with `pii: false` to publish scores by it"
        elif dimensions.index(name) < number:
            yield at, f"`{name}` is listed twice"


def attributes(company: "Company", entity: str) -> Iterator[tuple[str, bool]]:
    """Columns that an entity's tables map under names of the company's own: name, and whether it is declared not personal."""
    known = {*entities()[entity].columns, *company.file.identity.identifiers}
    for source in company.sources:
        for table in source.tables:
            if table.entity == entity:
                for name, spec in table.columns.items():
                    if name not in known:
                        yield name, isinstance(spec, ColumnMap) and spec.pii is False
