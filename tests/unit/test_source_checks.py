"""Options that do not fit their connector, and secrets in the file: refused with the line, before anything is done."""

from pathlib import Path

import pytest

from cli.config import load_company
from pipelines.errors import UsageError

GOOD = """\
sources:
  - name: base
    connector: sql
    url: postgresql://reader:${PW}@db/shop
    tables:
      - name: people
        entity: contact
        key: [id]
        incremental: {cursor_path: changed}
        deletions: compare
        columns: {email: mail}
  - name: api
    connector: rest
    base_url: https://api.example
    auth: {type: bearer, token: "${TOKEN}"}
    tables:
      - name: events
        entity: event
        key: [id]
        endpoint: {path: events}
        columns: {message_id: id, type: {value: track}, occurred_at: at}
"""
# (what stands in GOOD, what somebody wrote instead, line, words of the message)
MUTATIONS = [
    ("reader:${PW}@", "reader:geheim@", 4, "the password stands in the file"),
    ("    url: postgresql://reader:${PW}@db/shop\n", "", 2, "needs `url`"),
    ("    connector: sql\n", "", 2, "needs `connector: files|sql|rest|segment`, or a `preset`"),
    ("    connector: sql\n", "    preset: no_such\n", 3, "no preset `no_such`"),
    (
        "    connector: sql\n",
        "    connector: sql\n    base_url: x\n",
        4,
        "`base_url` says nothing to connector `sql`",
    ),
    ("        key: [id]\n        incremental", "        incremental", 6, "needs `key`"),
    ("deletions: compare", "deletions: soft", 10, "deletions"),
    ("deletions: compare", "endpoint: {path: x}", 10, "`endpoint` says nothing to connector `sql`"),
    ("cursor_path: changed", "cursor: changed", 9, "incremental.cursor_path"),
    ('token: "${TOKEN}"', "token: geheim", 15, "a secret stands in the file"),
    ("    base_url: https://api.example\n", "", 12, "needs `base_url`"),
    ("        endpoint: {path: events}\n", "", 17, "needs `endpoint: {path: ...}`"),
    (
        "endpoint: {path: events}",
        "endpoint: {path: events}\n        deletions: compare",
        21,
        "keeps the first delivery",
    ),
    (
        "endpoint: {path: events}",
        "endpoint: {path: events}\n        deleted_at: gone",
        21,
        "keeps the first delivery",
    ),
    ("endpoint: {path: events}", "endpoint: {path: events}\n        path: a.csv", 21, "`path` says nothing"),
]


@pytest.mark.parametrize(("good", "bad", "line", "words"), MUTATIONS)
def test_each_mistake_has_its_line(tmp_path: Path, good: str, bad: str, line: int, words: str) -> None:
    """The message names the line and what to write; a secret is not repeated."""
    assert good in GOOD
    (tmp_path / "cdp.yml").write_text(GOOD.replace(good, bad))
    with pytest.raises(UsageError) as error:
        load_company(tmp_path / "cdp.yml")

    assert f"cdp.yml:{line}: " in str(error.value)
    assert words in str(error.value)
    assert "geheim" not in str(error.value)


def test_the_unbroken_file_is_valid(tmp_path: Path) -> None:
    """Otherwise the mutations would prove nothing."""
    (tmp_path / "cdp.yml").write_text(GOOD)
    assert [source.connector for source in load_company(tmp_path / "cdp.yml").sources] == ["sql", "rest"]


def test_a_rest_fetch_with_a_cursor_cannot_compare_deletions(tmp_path: Path) -> None:
    """It only sees what changed."""
    text = GOOD.replace(
        "entity: event\n",
        "entity: contact\n        deletions: compare\n        incremental: {cursor_path: at}\n",
    )
    text = text.replace("{message_id: id, type: {value: track}, occurred_at: at}", "{email: mail}")
    (tmp_path / "cdp.yml").write_text(text)
    with pytest.raises(UsageError, match="does not see what is gone"):
        load_company(tmp_path / "cdp.yml")
