"""Sections of the report about what customers buy: revenue and active customers by month, who comes back."""

from cli.report_charts import Point, bars, nice, short
from cli.report_data import Figures, Row
from cli.report_figures import MONTHS, NBSP, absent, amount, by, month, percent
from cli.report_html import Html, columns, details, join, section, table, tag

# Cohorts older than this repeat what the younger ages say; all ages are in the published file.
AGES = 18


def sales(figures: Figures) -> Html:
    """Revenue and active customers per month; the running month is drawn open."""
    rows = figures["kpis"][-MONTHS:]
    lead = (
        "Revenue is net of discounts and refunds. Active customers bought at least once in the month. "
        "A dashed bar is the month that still runs."
    )
    if not rows:
        message = "There is no purchase in this file, so revenue is unknown, not zero."
        return section("sales", "Sales", [absent(figures, "marts.kpis", message)], lead)
    heads = columns(
        "Month", f"#Revenue, {figures.currency}", "#Orders", "#Active", "#New", "#Reactivated", "#Lost",
        "#Revenue per active", "#Repeat rate",
    )  # fmt: skip
    cells = []
    for row in reversed(rows):
        name = month(row["month_start"]) + ("" if row["is_complete"] else " (running)")
        counts = [row[key] for key in ("orders", "active_customers", "new_customers", "reactivated", "lost")]
        rates = (amount(row["revenue_per_active"]), percent(row["repeat_rate"]))
        cells.append((name, amount(row["revenue"]), *counts, *rates))
    parts = [
        _chart(rows, "revenue", f"Revenue per month, {figures.currency}"),
        _chart(rows, "active_customers", "Active customers per month"),
        details("Figures by month", table("Sales by month, newest first", heads, cells)),
    ]
    return section("sales", "Sales", parts, lead)


def retention(figures: Figures) -> Html:
    """Who came back: cohort by age; what cannot be known yet stays empty."""
    lead = (
        "Customers by the month of their first purchase, and the share of them that bought in the month so "
        "many months later. A month that has not ended yet has no figure."
    )
    rows = figures["cohorts"]
    ages = sorted({row["age_months"] for row in rows if row["is_mature"] and 0 < row["age_months"] <= AGES})
    if not ages:
        why = absent(figures, "marts.retention_cohorts", "No cohort is a full month old.")
        return section("retention", "Retention", [why], lead)
    heads = columns("First purchase", "#Customers", *(f"#+{age}" for age in ages))
    highest = max(float(row["share"] or 0) for row in rows if row["age_months"] in ages)
    cells = []
    for cohort, found in list(by(rows, "cohort_month"))[-MONTHS:]:
        by_age = {row["age_months"]: row for row in found}
        cells.append(
            (month(cohort), found[0]["cohort_size"], *(_heat(by_age.get(age), highest) for age in ages))
        )
    caption = "Share of each cohort that bought, by months since the first purchase"
    return section("retention", "Retention", [table(caption, heads, cells, "heat")], lead)


def _chart(rows: list[Row], name: str, title: str) -> Html:
    points = [
        Point(
            month(row["month_start"]),
            None if row[name] is None else float(row[name]),
            enough=bool(row["is_complete"]),
        )
        for row in rows
    ]
    values = [point.value for point in points if point.value is not None] or [0.0]
    told = (
        f"{points[0].label} to {points[-1].label}, lowest {short(round(min(values)))},"
        f" highest {short(round(max(values)))}; figures follow below"
    )
    chart = bars(points, nice(max(values)), title, told)
    return tag("figure", join([tag("figcaption", title), chart]))


def _heat(row: Row | None, highest: float) -> Html:
    """One cell, shaded against the highest share; a cohort that is too young for the age has none."""
    if row is None or not row["is_mature"] or row["share"] is None:
        return Html("")
    share = float(row["share"])
    shade = f"--share:{100 * share / highest:.0f}%" if highest else None
    return tag("span", f"{100 * share:.0f}{NBSP}%", class_="cell", style=shade)
