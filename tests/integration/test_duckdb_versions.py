"""DuckDB 1.5 and 2.0: the same company, the same marts, one file that each can go on with.

`make proof` runs all integration tests on 2.0 as well; here one company does.
"""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from demo.generate import generate
from tests import laws
from tests.clients import ask, client

ROOT = Path(__file__).resolve().parents[2]
OTHER = "1.5.5" if duckdb.__version__.startswith("2.") else "2.0.0"


def cdp_run(root: Path, version: str | None) -> None:
    """`cdp run` in a process with this DuckDB."""
    paths = [str(ROOT)] + ([str(client(version))] if version else [])
    done = subprocess.run(
        [sys.executable, "-m", "tests.quick_cdp", "run", "--config", str(root / "cdp.yml")],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": os.pathsep.join(reversed(paths))}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One company run by the installed DuckDB, its twin by the other version."""
    base = tmp_path_factory.mktemp("versions")
    mine, other = base / "mine", base / "other"
    generate(mine, people=300)
    laws.copy_company(mine, other)
    cdp_run(mine, None)
    cdp_run(other, OTHER)
    return mine, other


def test_both_versions_build_the_same_marts(companies: tuple[Path, Path]) -> None:
    """No number depends on the version of the engine."""
    assert laws.differences(laws.snapshot(companies[0]), laws.snapshot(companies[1])) == []


def test_each_goes_on_with_the_file_of_the_other(companies: tuple[Path, Path]) -> None:
    """Storage versions are pinned, so an upgrade can be taken back; nothing new means nothing changed."""
    before = laws.snapshot(companies[0])
    cdp_run(companies[0], OTHER)
    cdp_run(companies[0], None)

    assert laws.differences(laws.snapshot(companies[0]), before) == []


@pytest.mark.parametrize("version", ["1.1.3", "1.4.4", "1.5.5", "2.0.0"])
def test_the_published_file_opens_in_every_client(companies: tuple[Path, Path], version: str) -> None:
    """BI drivers lag: what either version published, each of them reads."""
    for root in companies:
        counted = ask(version, root / "warehouse" / "marts.duckdb", "select count(*) from marts.customer_360")
        with duckdb.connect(str(root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
            expected = con.execute("select count(*) from marts.customer_360").fetchall()

        assert counted.strip() == str(expected)
