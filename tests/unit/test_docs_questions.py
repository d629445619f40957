"""Each mart has three questions with SQL and the answer in the docs; those that lack some are a list that may only shrink."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
import yaml

from benchmarks.answers import QUESTION, renewed
from tests.macros import PROJECT

WANTED = 3
SQL = re.compile(r"```sql\n(.*?)```", re.S)


def marts() -> Iterator[str]:
    """Every model below models/marts with an enforced contract, and those of other folders that go into the schema."""
    for path in sorted((PROJECT / "models/marts").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            if (model.get("config") or {}).get("contract", {}).get("enforced"):
                yield model["name"]
    for path in sorted((PROJECT / "models").rglob("*.sql")):
        if "schema='marts'" in path.read_text(encoding="utf-8"):
            yield path.stem


def pages() -> dict[str, str]:
    """Page -> text."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((PROJECT / "docs").glob("*.md"))}


def test_a_mart_has_three_questions() -> None:
    """A table that answers no question that somebody asks is none to keep."""
    asked: Counter[str] = Counter()
    for text in pages().values():
        for sql in SQL.findall(text):
            asked.update(set(re.findall(r"\bmarts\.(\w+)", sql)))
    known = set(marts())

    assert len(known) > 60
    assert {"profile_history", "customer_id_history", "trigger_messages"} <= known
    assert {name for name in known if asked[name] < WANTED} == set()


@pytest.mark.parametrize("page", ["web.md", "sales_and_marketing.md", "questions.md", "commerce.md"])
def test_every_question_of_these_pages_can_be_asked_again(page: str) -> None:
    """A question that `benchmarks.answers` does not see would keep its old answer for ever."""
    text = pages()[page]

    assert len(QUESTION.findall(text)) == len(SQL.findall(text)) > 15


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("**Q?** (demo)\n\n```sql\nselect 1\n```\n\n```\nold\n```\n", "```\n1,,True\n```\n"),
        ("Q? (demo)\n\n```sql\nselect 1\n```\n\n| |\n|---|\n| old |\n", "| a | b | c |\n|---|---|---|\n| 1 |  | True |\n"),
        ("Q? (`examples/shop`)\n\n```sql\nselect 1\n```\n\n```\nold\n```\n", "```\nold\n```\n"),
    ],
)  # fmt: skip
def test_an_answer_is_replaced_where_its_company_is_built(page: str, wanted: str) -> None:
    """Csv stays csv, a table a table; what nobody can be asked stays as it is."""
    new = renewed(
        page, lambda name: (lambda sql: (["a", "b", "c"], [(1, None, True)])) if name == "demo" else None
    )

    assert new == page[: page.index("```\n\n") + 5] + wanted
