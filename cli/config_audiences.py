"""What may be said of an audience: how large it may be, how much it may change, and whom it holds out.

In cdp.yml (`audiences: {name: ...}`) or beside the model, in its yml under `config: meta: audience:`; cdp.yml wins, as a whole.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, model_validator

from cli import yaml_lines
from cli.config_sources import Part
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from cli.config import Company
    from cli.source_checks import Problem

COLUMNS = (
    ("audience", "string"),
    ("min_members", "bigint"),
    ("max_members", "bigint"),
    ("max_change", "double"),
    ("severity", "string"),
    ("holdout", "double"),
)


class Audience(Part):
    """Limits of one audience, and the share of its people who get nothing, so that what it does can be measured."""

    min_members: int | None = Field(None, ge=0)
    """Fewer members than this: the audience's syncs wait."""
    max_members: int | None = Field(None, ge=1)
    """More members than this: the audience's syncs wait."""
    max_change: float | None = Field(None, gt=0)
    """Entered and left since the last state that kept the limits, as a share of its members."""
    severity: Literal["warning", "critical"] = "warning"
    """A broken limit holds the audience's syncs; `critical` stops publish and every export too."""
    holdout: float = Field(0, ge=0, le=0.9)
    """Share of its people who get nothing of it, drawn by a salted hash."""

    @model_validator(mode="after")
    def _possible(self) -> "Audience":
        if self.max_members is not None and (self.min_members or 0) > self.max_members:
            raise ValueError("min_members must not be above max_members")
        return self


def audience_rows(company: "Company") -> list[tuple[object, ...]]:
    """One row (see `COLUMNS`) for each audience model of the company.

    Raises UsageError with file:line for settings beside a model that cannot be.
    """
    beside = _beside(company)
    rows = []
    for name in audience_names(company):
        one = company.file.audiences.get(name) or beside.get(name) or Audience()
        rows.append((name, *(getattr(one, column) for column, _ in COLUMNS[1:])))
    return rows


def audience_names(company: "Company") -> list[str]:
    """Names of the audience models, in order."""
    return sorted(path.stem for path in (company.models / "audiences").glob("*.sql"))


def audience_problems(company: "Company") -> Iterator["Problem"]:
    """Settings for an audience that no model makes."""
    names = audience_names(company)
    for name in company.file.audiences:
        if name not in names:
            told = ", ".join(names) or "none"
            yield ("audiences", name), f"there is no models/audiences/{name}.sql; audiences: {told}"


def _beside(company: "Company") -> dict[str, Audience]:
    found: dict[str, Audience] = {}
    for path in sorted((company.models / "audiences").glob("*.yml")):
        data, lines = yaml_lines.load(path.read_text(encoding="utf-8"), path.name)
        for index, model in enumerate((data or {}).get("models") or []):
            meta = (model.get("config") or {}).get("meta") or model.get("meta") or {}
            if "audience" in meta:
                line = yaml_lines.line_of(lines, ("models", index))
                found[str(model.get("name"))] = _checked(meta["audience"], path, line)
    return found


def _checked(settings: Any, path: Path, line: int) -> Audience:
    try:
        return Audience.model_validate(settings)
    except ValidationError as error:
        told = "; ".join(
            f"audience.{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise UsageError(
            f"{path.name}:{line}: {told}", hint=f"an audience may say: {', '.join(Audience.model_fields)}"
        ) from error
