"""The published file under the tools people connect with: SQLAlchemy (Superset's way), DuckDB's CLI, its Node API.

Clients are installed once into `.cache/` (tests/clients.py). Each keeps a connection over a publish, then opens a new one.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import publish
from cli.config import Company
from tests.clients import node, packages
from tests.ops_company import fill, make_company

SQL = "select count(*) from marts.customer_360"
ALCHEMY = """
import sys
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
pooled = create_engine(f"duckdb:///{sys.argv[1]}", connect_args={"read_only": True})
def ask(connection): return connection.execute(text(sys.argv[2])).scalar()
with pooled.connect() as held:
    print(ask(held), flush=True)
    sys.stdin.readline()
    print(ask(held), flush=True)
pooled.dispose()
fresh = create_engine(f"duckdb:///{sys.argv[1]}", connect_args={"read_only": True}, poolclass=NullPool)
with fresh.connect() as new:
    print(ask(new), flush=True)
"""
NODE = """
const { DuckDBInstance } = require(process.argv[2] + '/node_modules/@duckdb/node-api');
const readline = require('readline');
const ask = async (c) => console.log(Number((await (await c.runAndReadAll(process.argv[4])).getRows())[0][0]));
(async () => {
  const open = () => DuckDBInstance.create(process.argv[3], { access_mode: 'READ_ONLY' });
  const first = await open(); const held = await first.connect();
  await ask(held);
  await new Promise((done) => readline.createInterface({ input: process.stdin }).once('line', done));
  await ask(held);
  held.closeSync(); first.closeSync();
  const second = await open(); const fresh = await second.connect();
  await ask(fresh);
  process.exit(0);
})();
"""


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """Published once, with ten customers."""
    found = make_company(tmp_path)
    fill(found, customers=10)
    publish.publish(found, "r1")
    return found


def over_a_publish(company: Company, command: list[str], **environment: str) -> list[int]:
    """What a held connection sees before and after a publish of twenty customers, and what a new one sees then."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    if first:
        fill(company, customers=20)
        publish.publish(company, "r2")
    rest, errors = process.communicate("go on\n", timeout=60)
    assert process.returncode == 0, errors
    return [int(line) for line in [first, *rest.split()]]


def test_sqlalchemy_reads_over_a_publish(company: Company) -> None:
    """A pool keeps the old file: `NullPool`, or a recycle time, is what makes a dashboard fresh."""
    python = [sys.executable, "-c", ALCHEMY, str(company.published), SQL]
    folder = packages("duckdb-sqlalchemy")

    assert over_a_publish(company, python, PYTHONPATH=str(folder)) == [10, 10, 20]


def test_the_node_api_reads_over_a_publish(company: Company) -> None:
    """What Evidence and other JavaScript tools carry."""
    if shutil.which("npm") is None:
        pytest.skip("no Node here")
    folder = node("@duckdb/node-api")

    assert over_a_publish(company, ["node", "-e", NODE, "x", str(folder), str(company.published), SQL]) == [
        10,
        10,
        20,
    ]


def test_the_cli_reads(company: Company) -> None:
    """A program of its own, with a DuckDB of its own."""
    program = packages("duckdb-cli") / "bin" / "duckdb"
    done = subprocess.run(
        [str(program), "-readonly", "-json", str(company.published), f"{SQL}"], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(packages("duckdb-cli"))},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)[0].values()) == [10]
