"""Sections of the report about the machine: rows in, quality, identity, what was sent."""

import json

from cli.report_data import Figures, Row
from cli.report_html import Html, columns, empty, join, section, table, tag, text, word

COUNTS = ("received", "loaded", "duplicates", "quarantined", "suppressed")
SENDS = ("added", "changed", "removed", "unchanged", "excluded", "rejected", "unanswered")


def loads(figures: Figures) -> Html:
    """Rows in: every received row ends in one of four ways."""
    rows = figures["loads"]
    lead = "Received = loaded + duplicates + quarantined + suppressed, for every table, over all loads."
    if not rows:
        return section("loads", "Rows in", [empty("Nothing has been loaded yet.")], lead)
    heads = columns("Source", "Table", *(f"#{name.capitalize()}" for name in COUNTS))
    cells = [(word(row["source"]), word(row["table_name"]), *(row[name] for name in COUNTS)) for row in rows]
    cells.append(("All", "", *(sum(row[name] or 0 for row in rows) for name in COUNTS)))
    parts: list[object] = [table("Rows by source and table", heads, cells, "total")]
    if figures["freshness"]:
        newest = [f"{word(row['source'])} {text(row['fresh_until'])}" for row in figures["freshness"]]
        parts.append(tag("p", f"Newest load by source: {'; '.join(newest)}.", class_="note"))
    return section("loads", "Rows in", parts, lead)


def quality(figures: Figures) -> Html:
    """What the gate found wrong."""
    failed = [row for row in figures["quality"] if not row["passed"]]
    count = len(figures["quality"])
    lead = "Checks of the last quality gate. A critical failure stops publishing; a warning does not."
    if not failed:
        said = f"All {count:,} checks passed." if count else "The gate has not run yet."
        return section("quality", "Data quality", [tag("p", said, class_="good" if count else "empty")], lead)
    heads = columns("Check", "Table", "Severity", "#Measured", "Allowed")
    cells = []
    for row in failed:
        measured = "" if row["measured"] is None else f"{row['measured']:,.6g}"
        badge = tag("span", row["severity"], class_="badge")
        cells.append(
            (word(row["check_name"]), word(row["table_name"]), badge, measured, word(row["threshold"]))
        )
    parts = [
        table("Checks that failed", heads, cells),
        tag("p", f"{count - len(failed):,} of {count:,} checks passed.", class_="note"),
    ]
    return section("quality", "Data quality", parts, lead)


def identity(figures: Figures) -> Html:
    """How records became profiles, and which values were not trusted to join any."""
    merged, redirects = figures.one("merged").get("records"), figures.one("redirects").get("ids")
    lead = (
        f"{merged or 0:,} person records were merged into a profile that another one had begun; "
        f"{redirects or 0:,} former ids point to the profile that absorbed them."
    )
    parts: list[object] = []
    if figures["records"]:
        cells = [(_plain(row["entity"]), row["records"], row["profiles"]) for row in figures["records"]]
        heads = columns("Kind of record", "#Records", "#Profiles they belong to")
        parts.append(table("Records that carry an identifier", heads, cells))
    refused = [
        (word(row["reason"]), word(row["type"]), row["identifiers"], row["records"])
        for row in figures["refused"]
    ]
    heads = columns("Reason", "Identifier", "#Values", "#Records that carry one")
    caption = "Identifier values not used to join anybody"
    parts.append(
        table(caption, heads, refused) if refused else empty("Every identifier value could be used.")
    )
    cut = [(_plain(row["reason"]), row["pairs"]) for row in figures["cuts"]]
    parts.append(
        table("Profiles kept apart although something links them", columns("Constraint", "#Pairs"), cut)
        if cut
        else tag("p", "No link had to be cut.", class_="good")
    )
    return section("identity", "Identity", parts, lead)


def sends(figures: Figures) -> Html:
    """The last run of each sync, and all deliveries by their answer."""
    lead = (
        "As recorded when the file was published. A run publishes before it sends: what it then sent is "
        "in the file of the next run."
    )
    if not figures["syncs"]:
        none = empty("No sync had run when this file was published.")
        return section("sends", "Sends", [none], lead)
    heads = columns("Sync", "Purpose", "Status", "Started", *(f"#{name.capitalize()}" for name in SENDS))
    cells = [
        (word(row["sync"]), word(row["purpose"]), _status(row), row["started_at"], *(row[n] for n in SENDS))
        for row in figures["syncs"]
    ]
    parts: list[object] = [table("Last run of each sync", heads, cells)]
    if excluded := _excluded(figures["syncs"]):
        caption = "Left out of that run: no lawful basis to write to them"
        parts.append(table(caption, columns("Sync", "Reason", "#People"), excluded))
    if figures["deliveries"]:
        heads = columns("Sync", "Operation", "Answer", "Reason", "#Deliveries", "Last sent")
        names = ("sync", "operation", "status", "reason")
        cells = [
            (*(word(row[name]) for name in names), row["deliveries"], row["last_sent_at"])
            for row in figures["deliveries"]
        ]
        parts.append(table("All deliveries by answer", heads, cells))
    return section("sends", "Sends", parts, lead)


def _excluded(syncs: list[Row]) -> list[tuple[str, str, int]]:
    return [
        (word(row["sync"]), _plain(reason), count)
        for row in syncs
        for reason, count in sorted(json.loads(row["exclusions"] or "{}").items())
    ]


def _status(row: Row) -> Html:
    status = tag("span", word(row["status"]), class_="badge")
    return join([status, word(row["reason"])], " ") if row["reason"] else status


def _plain(name: str) -> str:
    return word(name).replace("_", " ")
