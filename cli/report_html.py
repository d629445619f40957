"""HTML in small, safe pieces: every value is escaped unless it was built here.

`Html` is text that is markup already; anything else that enters a page goes through `esc`. Words that come
from delivered data (a touchpoint, a destination's reason) may by a wrong mapping hold a person: what looks
like an address or a phone number is hidden.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

HIDDEN = "[hidden]"
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){7,}")


class Html(str):
    """Markup, safe to put into a page as it is."""

    __slots__ = ()


@dataclass(frozen=True)
class Column:
    """One column of a table; numbers stand right and do not wrap."""

    title: str
    number: bool = False
    css: str = ""


def columns(*titles: str) -> list[Column]:
    """Columns by title: `#` before it makes a column of numbers, `~` one of small charts."""
    kinds = {"#": Column("", number=True), "~": Column("", css="chart-cell")}
    return [
        replace(kinds[title[0]], title=title[1:]) if title[0] in kinds else Column(title) for title in titles
    ]


def esc(value: object) -> Html:
    """A value as page text; None is an empty cell."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(text(value)))


def text(value: object) -> str:
    """A value for people: thousands apart, times to the minute, no trailing noise."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return f"{value:,.2f}"
    return str(value)


def word(value: object) -> str:
    """A word out of delivered data, without anything like an address or a number of a person."""
    found = _ADDRESS.sub(HIDDEN, text(value))
    return _NUMBER.sub(HIDDEN, found)


def tag(name: str, content: object = "", **attributes: object) -> Html:
    """One element; `class_` and the like lose their underscore, `_` inside becomes `-`, None is left out."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{pairs}>{esc(content)}</{name}>")


def join(parts: Sequence[object], between: str = "\n") -> Html:
    """Several pieces as one."""
    return Html(html.escape(between).join(esc(part) for part in parts))


def table(caption: str, heads: Sequence[Column], rows: Sequence[Sequence[Any]], css: str = "") -> Html:
    """A table with caption and header cells; the first cell of a row names the row. It scrolls on its own."""
    head = join([tag("th", one.title, scope="col", class_=_css(one)) for one in heads], "")
    body = join([_row(heads, row) for row in rows])
    grid = tag(
        "table",
        join([tag("caption", caption), tag("thead", tag("tr", head)), tag("tbody", body)]),
        class_=css or ("narrow" if len(heads) <= 4 else None),
    )
    return tag("div", grid, class_="scroll", tabindex="0", role="region", aria_label=caption)


def section(name: str, title: str, parts: Sequence[object], lead: str = "") -> Html:
    """One section of the page, to be linked to as #name."""
    head: list[object] = [tag("h2", title, id=f"{name}-title")]
    if lead:
        head.append(tag("p", lead, class_="lead"))
    return tag("section", join([*head, *parts]), id=name, aria_labelledby=f"{name}-title")


def details(summary: str, content: object) -> Html:
    """Figures behind a chart, closed until asked for."""
    return tag("details", join([tag("summary", summary), content]))


def tile(label: str, value: object, note: object = "") -> Html:
    """One key figure with what it needs to be read."""
    parts = [tag("dt", label), tag("dd", value, class_="figure")]
    if note:
        parts.append(tag("dd", note, class_="note"))
    return tag("div", join(parts), class_="tile")


def empty(message: str) -> Html:
    """Said instead of a table that would have no rows."""
    return tag("p", message, class_="empty")


def _row(heads: Sequence[Column], row: Sequence[Any]) -> Html:
    first = tag("th", row[0], scope="row", class_=_css(heads[0]))
    rest = [tag("td", value, class_=_css(one)) for one, value in zip(heads[1:], row[1:], strict=True)]
    return tag("tr", join([first, *rest], ""))


def _css(column: Column) -> str | None:
    return " ".join(filter(None, ["number" if column.number else "", column.css])) or None
