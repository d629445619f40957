"""The `triggers:` part of cdp.yml: what may be said, what SQL gets of it, and where a mistake is shown."""

from pathlib import Path

import pytest

from cli.config import load_company
from cli.config_triggers import COLUMNS, trigger_rows
from pipelines.errors import UsageError

GOOD = """\
sources:
  - name: shop
    connector: files
    tables:
      - {name: contacts, entity: contact, path: data/c.csv, key: [id], columns: {email: email}}
      - {name: codes, entity: coupon, path: data/k.csv, key: [code], columns: {code: code, pool: pool}}
purposes:
  mails: {basis: consent, channel: email}
  texts: {basis: consent, channel: sms}
triggers:
  cart:
    first: {purpose: mails}
    second: {purpose: texts, pool: cart, after: 90m}
  surveys:
    after_ticket: {when: ticket_solved, survey: care, purpose: mails, answers_in: shop}
"""
MUTATIONS = [
    ("{purpose: mails}", "{purpose: post}", 12, "no purpose `post`; declared purposes: mails, texts"),
    ("{purpose: mails}", "{purpose: texts}", 12, "is about channel sms, the message goes by email"),
    ("after: 90m", "after: soon", 13, "triggers.cart.second.after"),
    ("after: 90m", "quiet_hours: 21-8", 13, "'21-8' is no stretch of the day; write 21:00-08:00"),
    ("after: 90m", "discount_percent: 0", 13, "greater than or equal to 1"),
    ("after: 90m", "discount_percent:", 13, "needs `discount_percent`"),
    ("answers_in: shop", "answers_in: tool", 15, "no source `tool`; declared sources: shop"),
    ("after_ticket:", "cart:", 14, "may not be called `cart`"),
    ("when: ticket_solved", "when: full_moon", 15, "'order_delivered' or 'ticket_solved'"),
    ("entity: coupon", "entity: product", 13, "no table of entity `coupon` is declared"),
]


def write(folder: Path, text: str) -> Path:
    """A cdp.yml in a folder of its own."""
    path = folder / "cdp.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_four_hours_a_night_and_ten_percent(tmp_path: Path) -> None:
    """Mails know no quiet hours unless told; texts keep the night; an invitation goes at once."""
    company = load_company(write(tmp_path, GOOD))
    rows = [
        dict(zip((name for name, _ in COLUMNS), row, strict=True))
        for row in trigger_rows(company.file.triggers)
    ]

    told = [
        (row["trigger_name"], row["kind"], row["step"], row["channel"], row["wait_seconds"]) for row in rows
    ]
    assert told == [
        ("cart", "cart", "first", "email", 4 * 3600),
        ("cart", "cart", "second", "sms", 90 * 60),
        ("after_ticket", "ticket_solved", "invitation", "email", 0),
    ]
    assert [(row["quiet_from"], row["quiet_to"]) for row in rows] == [
        (None, None),
        (21 * 3600, 8 * 3600),
        (None, None),
    ]
    assert [(row["pool"], row["discount_percent"], row["answers_in"]) for row in rows] == [
        (None, None, None),
        ("cart", 10, None),
        (None, None, "shop"),
    ]
    assert [row["give_up_seconds"] for row in rows] == [3 * 86400, 3 * 86400, 7 * 86400]


@pytest.mark.parametrize(("good", "bad", "line", "words"), MUTATIONS)
def test_each_mistake_names_its_line(tmp_path: Path, good: str, bad: str, line: int, words: str) -> None:
    """Exit 2, the file and line, what is wrong."""
    assert good in GOOD
    text = GOOD.replace(good, bad)
    if good == "entity: coupon":
        text = text.replace("{code: code, pool: pool}", "{product_id: code}")
    with pytest.raises(UsageError) as caught:
        load_company(write(tmp_path, text))

    assert f"cdp.yml:{line}:" in str(caught.value)
    assert words in str(caught.value)
