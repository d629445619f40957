"""The canonical entities (`entities.yml`) as typed objects."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

# Which kinds hold words or numbers of a person; the columns are PII unless cdp.yml says otherwise.
PII_KINDS = frozenset({"email", "phone", "name", "text"})
SQL_TYPES = {
    "date": "date",
    "timestamp": "timestamp",
    "int": "bigint",
    "double": "double",
    "money": "decimal(18,2)",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Column:
    """One canonical column: `kind` decides type, normaliser and what quarantines a row.

    `required_when` = (another column, its value): only a row that has that value cannot do without this one.
    """

    name: str
    kind: str
    required: bool
    description: str
    required_when: tuple[str, str] | None = None

    @property
    def sql_type(self) -> str:
        """Type of the staged column, in the types that dbt contracts share over engines."""
        return SQL_TYPES.get(self.kind, "string")


@dataclass(frozen=True)
class Normalised:
    """A column beside the delivered ones: a call of a macro, in which `{region}` is the source's region.

    `level` 2 reads columns of level 1, and so on.
    """

    name: str
    call: str
    description: str
    level: int


@dataclass(frozen=True)
class Entity:
    """A canonical entity; `profile` entities describe a person, `immutable` keep the first delivery."""

    name: str
    plural: str
    profile: bool
    immutable: bool
    columns: dict[str, Column]
    normalised: tuple[Normalised, ...] = ()


@cache
def entities() -> dict[str, Entity]:
    """All canonical entities by name."""
    text = Path(__file__).with_name("entities.yml").read_text(encoding="utf-8")
    return {name: _entity(name, body) for name, body in yaml.safe_load(text).items()}


def _entity(name: str, body: dict[str, object]) -> Entity:
    raw = body["columns"]
    assert isinstance(raw, dict)
    columns = {column: _column(column, kind, words) for column, (kind, *words) in raw.items()}
    return Entity(
        name,
        str(body["plural"]),
        bool(body.get("profile")),
        bool(body.get("immutable")),
        columns,
        _normalised(body.get("normalised")),
    )


def _normalised(raw: object) -> tuple[Normalised, ...]:
    found: dict[str, Normalised] = {}
    for name, (call, *words) in (raw if isinstance(raw, dict) else {}).items():
        below = [one.level for one in found.values() if f"'{one.name}'" in call]
        found[name] = Normalised(name, call, ", ".join(words), max(below, default=0) + 1)
    return tuple(found.values())


def _column(name: str, kind: str, words: list[str]) -> Column:
    kind, mark, condition = kind.partition("!")
    other, _, value = condition.partition("=")
    when = (other, value) if condition else None
    return Column(name, kind, bool(mark) and when is None, ", ".join(words), when)
