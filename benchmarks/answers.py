"""Ask the questions of the docs again and print the answers into them: `python -m benchmarks.answers docs/web.md`.

A question is a ```sql block whose answer follows it, as a block or as a table. It is asked of the simulated company, or of the
example that the text above it names; one that is not built here keeps its answer. `--check` changes nothing and fails
where an answer differs.
"""

import argparse
import csv
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
QUESTION = re.compile(
    r"(?P<head>(?P<above>[^\n]*)\n\n```sql\n(?P<sql>.*?)```\n\n)(?P<answer>```\n.*?```\n|(?:\|[^\n]*\n)+)",
    re.S,
)
Ask = Callable[[str], tuple[list[str], list[tuple[Any, ...]]] | None]


def shown(value: object) -> str:
    """A value as the docs print it."""
    return "" if value is None else str(value)


def answered(names: list[str], rows: list[tuple[Any, ...]], as_table: bool) -> str:
    """Rows as a markdown table, or as csv without names; (none) where there is no row."""
    if as_table:
        lines = [" | ".join(names), *(" | ".join(map(shown, row)) for row in rows)]
        head, *body = [f"| {line} |\n" for line in lines]
        return "".join([head, "|---" * len(names) + "|\n", *body])
    if not rows:
        return "```\n(none)\n```\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([shown(value) for value in row] for row in rows)
    return f"```\n{text.getvalue()}```\n"


def renewed(text: str, asker: Callable[[str], Ask | None]) -> str:
    """The page with the answers of today; `asker` gives who answers for a company, None where it is not built."""

    def again(found: re.Match[str]) -> str:
        named = re.search(r"`(examples/\w+)`", found["above"])
        ask = asker(named[1] if named else "demo")
        told = ask(found["sql"]) if ask else None
        if told is None:
            return found[0]
        return str(found["head"]) + answered(*told, as_table=found["answer"].startswith("|"))

    return QUESTION.sub(again, text)


def published(company: str) -> Ask | None:
    """Who answers from the published file of a company."""
    path = ROOT / company / "warehouse" / "marts.duckdb"
    if not path.exists():
        return None

    def ask(sql: str) -> tuple[list[str], list[tuple[Any, ...]]] | None:
        with duckdb.connect(str(path), read_only=True) as con:
            done = con.execute(sql)
            return [column[0] for column in done.description or []], done.fetchall()

    return ask


def main() -> int:
    """Renew or check the pages named; 1 where `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true")
    said = parser.parse_args()
    differ = 0
    for page in said.pages:
        text = page.read_text(encoding="utf-8")
        new = renewed(text, published)
        if new != text:
            differ += 1
            print(f"{page}: {'answers differ' if said.check else 'renewed'}")
            if not said.check:
                page.write_text(new, encoding="utf-8")
    return 1 if said.check and differ else 0


if __name__ == "__main__":
    sys.exit(main())
