"""Settings of audiences and of sending: what they mean, and what is refused with its line."""

from pathlib import Path

import pytest

from cli.config import load_company
from cli.config_audiences import audience_rows
from cli.config_sending import minutes, rule_rows, settings_row
from cli.errors import UsageError

HEAD = """\
sources:
  - name: crm
    connector: files
    tables: [{name: contacts, entity: contact, path: data/c*.csv, key: [id], columns: {email: email}}]
purposes:
  news: {basis: consent, channel: email}
"""


def written(root: Path, text: str) -> Path:
    """A company with one audience model and this end of cdp.yml."""
    (root / "models" / "audiences").mkdir(parents=True)
    (root / "models" / "audiences" / "vip.sql").write_text("select 1 as customer_id")
    (root / "cdp.yml").write_text(HEAD + text)
    return root / "cdp.yml"


def test_limits_beside_the_model_give_way_to_those_of_cdp_yml(tmp_path: Path) -> None:
    """As a whole: a limit that cdp.yml does not repeat is gone."""
    path = written(tmp_path, "")
    beside = "models: [{name: vip, config: {meta: {audience: {min_members: 5, holdout: 0.1}}}}]"
    (tmp_path / "models" / "audiences" / "a.yml").write_text(beside)

    assert audience_rows(load_company(path)) == [("vip", 5, None, None, "warning", 0.1)]

    path.write_text(HEAD + "audiences: {vip: {max_change: 0.5, severity: critical}}")

    assert audience_rows(load_company(path)) == [("vip", None, None, 0.5, "critical", 0)]


def test_impossible_limits_beside_a_model_are_told_with_their_line(tmp_path: Path) -> None:
    """File and line of the model, and which setting."""
    path = written(tmp_path, "")
    (tmp_path / "models" / "audiences" / "a.yml").write_text(
        "models:\n  - name: vip\n    config: {meta: {audience: {holdout: 2}}}\n"
    )

    with pytest.raises(UsageError, match=r"a\.yml:2: audience\.holdout"):
        audience_rows(load_company(path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("audiences: {nobody: {}}", r"cdp\.yml:7: there is no models/audiences/nobody\.sql; audiences: vip"),
        ("audiences: {vip: {min_members: 9, max_members: 2}}", "min_members must not be above max_members"),
        ("sending: {quiet_hours: 25:00-08:00}", "write 21:00-08:00"),
        ("sending: {quiet_hours: 08:00-08:00}", "begins when it ends"),
        ("sending: {topics: {sales: [tea]}}", "no purpose `sales`; declared purposes: news"),
        ("sending: {languages: {sales: [vi]}}", "no purpose `sales`"),
        ("sending: {languages: {news: [vi-VN]}}", "should match pattern"),
        ("sending: {exempt: [sales]}", "no purpose `sales`"),
        ("sending: {consent_categories: {Advertising: [ads]}}", "no purpose `ads`"),
        ("sending: {caps: [{channel: email, max: 0, per: 7d}]}", "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """Exit 2 before anything is done."""
    with pytest.raises(UsageError, match=told):
        load_company(written(tmp_path, text))


def test_sending_becomes_rows(tmp_path: Path) -> None:
    """Hours in minutes of the local day; the timezone is that of the reports unless said otherwise."""
    path = written(
        tmp_path,
        "reporting: {timezone: Asia/Bangkok}\nsending: {quiet_hours: 21:30-8:00, caps: [{channel: SMS, max: 2, per: 30d}],"
        " topics: {news: [Tea]}, languages: {news: [vi]}, exempt: [news], frequencies: {weekly: 7d}, never: ['off']}\n",
    )
    file = load_company(path).file

    assert minutes("00:00-23:59") == (0, 1439)
    assert settings_row(file) == ("Asia/Bangkok", 1290, 480, 18)
    assert rule_rows(file) == [
        ("cap", "sms", None, 2, 30),
        ("frequency", "weekly", None, 1, 7),
        ("never", "off", None, None, None),
        ("topic", "news", "tea", None, None),
        ("language", "news", "vi", None, None),
        ("exempt", "news", None, None, None),
    ]


def test_every_purpose_that_asks_has_the_cooldown(tmp_path: Path) -> None:
    """Said by itself, or named by `cx.survey_purpose`, or both: each once."""
    path = written(tmp_path, "")
    panel, asks = "  panel: {basis: contract, survey: true}", "  asks: {basis: contract}"

    def rows(*purposes: str) -> list[tuple[object, ...]]:
        # HEAD ends in `purposes:`
        end = "cx: {survey_cooldown: 45d, survey_purpose: asks}\n"
        path.write_text("\n".join([HEAD.rstrip(), *purposes, end]))
        return [row for row in rule_rows(load_company(path).file) if row[0] == "cooldown"]

    wanted = [("cooldown", name, None, 1, 45) for name in ("panel", "asks")]
    assert rows(panel, asks) == wanted
    assert rows(panel, asks.replace("}", ", survey: true}")) == wanted
    assert rows(asks) == wanted[1:]
