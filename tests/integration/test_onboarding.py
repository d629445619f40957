"""The walks of docs/onboarding.md, performed as they stand there: files written, commands run, answers compared."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
from typer.testing import CliRunner

from cli.app import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "onboarding.md"
BLOCK = re.compile(r"([^\n]*)\n\n```(\w*)\n(.*?)\n```", re.DOTALL)
NAMED = re.compile(r"`(acme/[^`]+)`:$")


def blocks() -> Iterator[tuple[str, str, str]]:
    """The line before each block, the block's language, and its text."""
    for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        yield found[1], found[2], found[3]


def run(root: Path) -> None:
    """`cdp run` of the walk's company."""
    done = CliRunner().invoke(app, ["run", "--config", str(root / "acme" / "cdp.yml")])
    assert done.exit_code == 0, done.output


def test_the_walks_lead_where_the_page_says(tmp_path: Path) -> None:
    """Foreign column names without SQL, then a source with SQL of its own, by adding files only."""
    assert CliRunner().invoke(app, ["init", str(tmp_path / "acme")]).exit_code == 0
    (tmp_path / "acme" / "cdp.yml").unlink()
    question = ""
    answered = 0
    for before, language, text in blocks():
        if named := NAMED.search(before):
            path = tmp_path / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as out:
                out.write(text + "\n")
        elif language == "sql":
            run(tmp_path)
            question = text
        else:
            with duckdb.connect(str(tmp_path / "acme" / "warehouse" / "marts.duckdb"), read_only=True) as con:
                rows = con.execute(question).fetchall()
            assert [",".join(str(value) for value in row) for row in rows] == text.splitlines()
            answered += 1
    assert answered == 2
