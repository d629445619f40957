"""The vocabulary of the quality gate: a check, its number, and what it was last time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Check:
    """One rule on one table: `sql` is an aggregate over it, the number must lie within the bounds."""

    table: str
    name: str
    sql: str
    severity: Severity = "critical"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def threshold(self) -> str:
        """The bounds as text, as stored."""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)


@dataclass(frozen=True)
class Measure:
    """A check and its number; None when the table has nothing to measure."""

    check: Check
    measured: float | None


@dataclass(frozen=True)
class Last:
    """The last stored result of a check."""

    passed: bool
    measured: float | None
    threshold: str


History = Mapping[tuple[str, str], Last]
