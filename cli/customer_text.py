"""A customer as text: tables that fit the terminal; plain aligned lines, never cut, in a pipe."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Block:
    """One titled table."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    none: str = "none"


def blocks(found: dict[str, Any]) -> list[Block]:
    """What is shown, from top to bottom."""
    pairs = [(name, value) for part in ("buying", "activity") for name, value in found[part].items()]
    scores = [(name, one["score"], one["at"]) for name, one in found["scores"].items()]
    identifiers = [
        (row["type"], row["value"], row["scope"], row["source_count"], row["last_seen_at"], _standing(row))
        for row in found["identifiers"]
    ]
    golden = [(row["field"], row["value"], row["source"], row["record_id"]) for row in found["golden"]]
    consents = [
        (
            row["purpose"],
            row["channel"],
            row["contact_point"],
            row["state"],
            row["obtained_at"],
            row["expires_at"],
        )
        for row in found["consents"]
    ]
    preferences = [pair for pair in found["preferences"].items() if pair[1] is not None]
    touches = [
        (row["occurred_at"], row["kind"], row["channel"], row["touchpoint"], row["detail"], row["source"])
        for row in found["timeline"]
    ]
    records = [
        (row["source"], row["entity"], row["records"], row["matched_by"], _ids(row))
        for row in found["records"]
    ]
    return [
        Block(
            "golden record", ("field", "value", "source", "record"), golden, "no contact details are known"
        ),
        Block("identifiers", ("type", "value", "scope", "sources", "last seen", "standing"), identifiers),
        Block("orders and activity", ("what", "value"), [pair for pair in pairs if pair[1] is not None]),
        Block("latest answers", ("metric", "score", "at"), scores, "never answered"),
        Block(
            "consents",
            ("purpose", "channel", "contact point", "state", "obtained", "expires"),
            consents,
            "nothing said",
        ),
        Block("preferences", ("what", "value"), preferences, "nothing said"),
        Block("last touches", ("at", "kind", "channel", "touchpoint", "detail", "source"), touches),
        Block("records", ("source", "entity", "records", "matched by", "which"), records),
    ]


def head(found: dict[str, Any]) -> list[str]:
    """Who it is, in one or more lines."""
    lines = [f"{found['customer_id']}  {found['profile_kind'] or 'unknown kind'}"]
    if found["absorbed_ids"]:
        lines.append(f"absorbed: {', '.join(found['absorbed_ids'])}")
    lines += [
        f"kept apart from {row['other_customer_id']}: {row['reason']} (linked by {row['strongest_link']})"
        for row in found["kept_apart_from"]
    ]
    return [clean(line) for line in lines]


def render(found: dict[str, Any], console: Console) -> None:
    """Print for people: laid out on a terminal, plain otherwise."""
    if not console.is_terminal:
        console.file.write("\n".join(lines(found)) + "\n")
        return
    for line in head(found):
        console.print(Text(line, style="bold"))
    for block in blocks(found):
        console.print()
        console.print(_table(block) if block.rows else Text(f"{block.title}: {block.none}"))


def lines(found: dict[str, Any]) -> Iterable[str]:
    """The same as plain text, every value whole."""
    told = head(found)
    for block in blocks(found):
        if not block.rows:
            told += ["", f"{block.title}: {block.none}"]
            continue
        grid = [list(block.columns), *([text(value) for value in row] for row in block.rows)]
        widths = [max(cell_len(row[at]) for row in grid) for at in range(len(block.columns))]
        told += ["", block.title]
        for row in grid:
            padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
            told.append("  " + "  ".join(padded).rstrip())
    return told


def text(value: object) -> str:
    """A value for people."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, float):
        return f"{value:g}"
    return clean(f"{value:,}" if isinstance(value, int) else str(value))


def clean(value: str) -> str:
    """Without control characters: a name out of a source must not drive the terminal."""
    return "".join(char if char.isprintable() else " " for char in value)


def _table(block: Block) -> Table:
    table = Table(title=block.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in block.columns:
        table.add_column(name, header_style="dim", overflow="fold")
    for row in block.rows:
        table.add_row(*(Text(text(value)) for value in row))
    return table


def _standing(row: dict[str, Any]) -> str:
    if row["refused_because"]:
        return f"not used: {row['refused_because']}"
    return "primary" if row["is_primary"] else ""


def _ids(row: dict[str, Any]) -> str:
    more = row["records"] - len(row["record_ids"])
    return ", ".join(row["record_ids"]) + (f" and {more:,} more" if more > 0 else "")
