"""`cx:` of cdp.yml: wrong dimensions and drivers are named with their line, and nothing is done."""

from pathlib import Path

import pytest

from cli.config import load_company
from cli.config_cx import MAX_DRIVERS, driver_rows
from pipelines.errors import UsageError
from scoring import drivers

GOOD = """\
sources:
  - name: survey
    connector: files
    tables:
      - name: answers
        entity: response
        path: data/*.csv
        columns: {tier: {column: Tier, pii: false}, town: Town}
        questions: {nps: Q1, ease: Q2}
cx:
  questions:
    nps: {metric: nps, scale: [0, 10]}
    ease: {metric: ces, scale: [1, 5], easy_from: 4, kind: transactional}
  dimensions: [tier]
  drivers:
    - {outcome: nps, drivers: [ease, {name: late, of: delivery_delay_hours, above: 0}]}
"""
WRONG = [
    (
        "  dimensions: [tier]",
        "  surveys: {After: {named_by_invitation: true}}",
        14,
        "no response table maps `invitation_id`",
    ),
    ("  dimensions: [tier]", "  surveys: {After: {}, after: {}}", 14, "survey `after` is declared twice"),
    ("[tier]", "[town]", 14, "`town` counts as personal data"),
    ("[tier]", "[town_hall]", 14, "no response table maps an attribute `town_hall`; there are: tier, town"),
    ("[tier]", "[channel]", 14, "`channel` is a cut of every score already"),
    ("[tier]", "[tier, tier]", 14, "`tier` is listed twice"),
    ("outcome: nps", "outcome: csat", 16, "no question `csat` under cx.questions: nps, ease"),
    ("[ease, {", "[nps, {", 16, "`nps` cannot drive itself"),
    ("[ease, {", "[speed, {", 16, "nothing measures `speed`"),
    ("{name: late, of: delivery_delay_hours, above: 0}", "ease", 16, "driver `ease` is named twice"),
    (
        "easy_from: 4, kind: transactional}",
        "easy_from: 4, touchpoint: desk}",
        13,
        "a question about a touchpoint says its kind",
    ),
    ("[tier]", "[segment]", 14, "`segment` is a cut of every score already"),
    ("name: late, ", "", 16, "a driver with `above` needs a `name`"),
    (
        "    - {outcome",
        "    - {outcome: nps, drivers: [ease]}\n    - {outcome",
        17,
        "two analyses of one survey",
    ),
    ("[tier]", "[tier]\n  response_window_days: 0", 15, "cx.response_window_days"),
]


def write(folder: Path, text: str) -> Path:
    """A company of nothing but its configuration."""
    path = folder / "cdp.yml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("good", "wrong", "line", "words"), WRONG)
def test_wrong_settings_are_named_with_their_line(
    tmp_path: Path, good: str, wrong: str, line: int, words: str
) -> None:
    """Exit 2, before anything is done."""
    assert good in GOOD
    with pytest.raises(UsageError) as caught:
        load_company(write(tmp_path, GOOD.replace(good, wrong, 1)))

    assert f"cdp.yml:{line}: " in str(caught.value)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_drivers_as_declared_and_as_we_pair_them(tmp_path: Path) -> None:
    """Without `cx.drivers` each relational question meets the transactional ones; an empty list means none."""
    declared = load_company(write(tmp_path, GOOD)).file.cx
    head = GOOD[: GOOD.index("  drivers:")]
    paired = load_company(write(tmp_path, head)).file.cx
    none = load_company(write(tmp_path, head + "  drivers: []\n")).file.cx

    assert driver_rows(declared) == [
        ("nps", None, "ease", "ease", None, False),
        ("nps", None, "late", "delivery_delay_hours", 0.0, False),
    ]
    assert [(row[0], row[2], row[5]) for row in driver_rows(paired)] == [
        ("nps", "ease", True),
        ("nps", "delivery_delay_hours", True),
        ("nps", "first_reply_hours", True),
    ]
    assert driver_rows(none) == []


def test_as_many_drivers_may_be_declared_as_can_be_fitted() -> None:
    """The limit is written twice: `cli` does not import `scoring` for one number."""
    assert MAX_DRIVERS == drivers.MAX_DRIVERS
