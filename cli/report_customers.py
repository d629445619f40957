"""Sections of the report: the key figures at its head, and who the profiles are."""

from decimal import Decimal

from cli.report_charts import meter, short
from cli.report_data import Figures
from cli.report_figures import SMALL, absent, amount, interval, percent, score
from cli.report_html import Html, columns, join, section, table, tag, tile, word

KINDS = {"customer": "Customers", "former": "Former customers", "lead": "Leads"}


def key_figures(figures: Figures) -> Html:
    """What somebody asks first."""
    kinds = {str(row["profile_kind"]): row["profiles"] for row in figures["profiles"]}
    said = ", ".join(f"{count:,} {KINDS.get(kind, kind).lower()}" for kind, count in kinds.items())
    tiles = [tile("Known profiles", sum(kinds.values()), said)]
    orders = figures.one("orders")
    if orders.get("purchases"):
        revenue = orders["revenue"] or Decimal(0)
        # A tile has room for four digits; the note under it has the whole amount.
        shown = short(float(f"{revenue:.4g}")) if revenue >= 1_000_000 else amount(revenue)
        exact = f"{amount(revenue)} from {orders['purchases']:,} purchases"
        tiles.append(tile("Revenue", f"{shown} {figures.currency}", exact))
    for row in figures["scores"]:
        if row["metric"] == "nps":
            few = "" if row["enough_n"] else f", {SMALL}"
            note = f"{interval('nps', row)} (95 %), n {row['n']:,}{few}"
            tiles.append(tile(f"NPS, {word(row['question'])}", score("nps", row["score"]), note))
    received = sum(row["received"] or 0 for row in figures["loads"])
    rejected = sum(row["quarantined"] or 0 for row in figures["loads"])
    tiles.append(tile("Rows received", received, f"{rejected:,} quarantined"))
    failed = sum(not row["passed"] for row in figures["quality"])
    tiles.append(tile("Quality checks failed", failed, f"of {len(figures['quality']):,} in the last gate"))
    return tag("dl", join(tiles), class_="tiles")


def profiles(figures: Figures) -> Html:
    """Profiles by kind; visitors nobody knows are counted apart."""
    rows = figures["profiles"]
    lead = "A profile is a resolved person, whatever number of records it was joined from."
    if not rows:
        why = absent(figures, "marts.customer_360", "There is no profile yet.")
        return section("profiles", "Profiles", [why], lead)
    total = sum(row["profiles"] for row in rows)
    heads = columns(
        "Kind", "#Profiles", "#Share", "~Of known profiles", "#Orders", f"#Revenue, {figures.currency}",
        "#With open tickets",
    )  # fmt: skip
    cells = []
    for row in rows:
        share = percent(row["profiles"] / total)
        bar = meter(row["profiles"] / total, f"{share} of known profiles")
        kind = KINDS.get(row["profile_kind"], word(row["profile_kind"]))
        counts = (row["orders"], amount(row["revenue"]), row["with_open_tickets"])
        cells.append((kind, row["profiles"], share, bar, *counts))
    parts: list[object] = [table("Known profiles by kind", heads, cells)]
    if figures["anonymous"]:
        visitors = figures.one("anonymous")["profiles"]
        said = (
            f"Not among them: {visitors:,} devices on which nobody has logged in. Purchases that name nobody "
            "are in the revenue of the company, not of a profile."
        )
        parts.append(tag("p", said, class_="note"))
    return section("profiles", "Profiles", parts, lead)
