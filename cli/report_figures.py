"""How figures are written on the report: each metric in its unit, money, months, and why one is absent."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from cli.report_data import Figures, Row
from cli.report_html import Html, empty

METRICS = {"nps": "NPS", "csat": "CSAT", "ces": "CES", "rating": "Rating"}
SMALL = "small sample"
# A number and its unit stay on one line.
NBSP = "\N{NO-BREAK SPACE}"
# Trends and cohorts stay readable up to here; older months are in the published file.
MONTHS = 24


def metric_name(metric: str) -> str:
    """The metric as people write it."""
    return METRICS.get(metric, metric)


def score(metric: str, value: float | None) -> str:
    """A score in the unit of its metric."""
    if value is None:
        return ""
    if metric == "nps":
        return f"{value:+.1f}"
    return percent(value) if metric == "csat" else f"{value:.2f}"


def interval(metric: str, row: Row) -> str:
    """The 95 % interval of a score, or why there is none."""
    if row["ci_low"] is None or row["ci_high"] is None:
        return "none: too few answers"
    return f"{score(metric, row['ci_low'])} to{NBSP}{score(metric, row['ci_high'])}"


def amount(value: Decimal | None) -> str:
    """An amount; without decimals where they say nothing."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == 0 else f"{value:,.2f}"


def percent(value: float | None) -> str:
    """A share of one."""
    return "" if value is None else f"{100 * value:.1f}{NBSP}%"


def month(value: date) -> str:
    """A month."""
    return f"{value:%Y-%m}"


def absent(figures: Figures, name: str, message: str) -> Html:
    """Why there is nothing to show: the file lacks the table, or the table is empty."""
    return empty(f"The published file has no {name}." if name in figures.missing else message)


def by(rows: list[Row], name: str) -> Iterable[tuple[Any, list[Row]]]:
    """Sorted rows in groups."""
    return ((key, list(found)) for key, found in groupby(rows, key=lambda row: row[name]))
