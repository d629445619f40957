"""What a comparison is made of: its grades, and the SQL that likeness is written in."""

from dataclasses import dataclass

STRENGTH = 8.0  # pairs that a usual value is worth


@dataclass(frozen=True)
class Level:
    """A grade of agreement; `term` names the column whose frequency weighs it."""

    label: str
    condition: str
    usual: float
    term: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A comparison: its prepared columns, when it says nothing, and its grades from best to worst."""

    name: str
    columns: tuple[str, ...]
    silent: str
    levels: tuple[Level, ...]
    shared: float = 0.0
    rows: str = ""  # which records can be compared at all
    exact: bool = True  # chance agreement in the best grade is counted over all records, not in a sample

    @property
    def filled(self) -> str:
        """SQL: the record has what this comparison needs."""
        return self.rows or f"{self.columns[0]} is not null"


def both(column: str) -> str:
    """One of the two is silent."""
    return f"({column}_l is null or {column}_r is null)"


def near(column: str, winkler: float) -> str:
    """As alike as this, beginnings counting more."""
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {winkler}"


def edits(column: str, most: int, likely_from: float = 0.75) -> str:
    """At most so many letters off; the cheap similarity before it keeps the dear distance from most pairs."""
    likely = f"jaro_similarity({column}_l, {column}_r) >= {likely_from}"
    return f"({likely} and damerau_levenshtein({column}_l, {column}_r) <= {most})"


def digits(column: str, most: int) -> str:
    """At most so many digits off in texts of one length, two digits in the wrong order counting once."""
    differing = f"hamming({column}_l, {column}_r)"
    if most > 1:
        return f"{differing} <= {most}"
    return f"({differing} <= 2 and damerau_levenshtein({column}_l, {column}_r) <= 1)"
