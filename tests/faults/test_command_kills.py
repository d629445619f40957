"""Kill, exception and full disk at the durable steps of the commands beside `cdp run`: rollback, backup, restore.

The command again, undisturbed, ends as if it had never been disturbed; what people read is whole in between.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cli import publish, verify, warehouse
from cli.config import Company
from pipelines.failpoints import OTHER_COMMANDS
from tests import fail_points
from tests.ops_company import PROJECT, fill, make_company

HOWS = ("kill", "raise", "enospc") if os.environ.get("CDP_PROOF") else ("kill",)
OLD, NEW = 20, 30


def cdp(*words: object, **fail: str) -> "subprocess.CompletedProcess[str]":
    """A command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, words)],
        cwd=PROJECT, env=os.environ | fail, capture_output=True, text=True,
    )  # fmt: skip


def customers(file: Path) -> int:
    """Rows that a reader of a file sees."""
    with duckdb.connect(str(file), read_only=True) as con:
        row = con.execute("select count(*) from marts.customer_360").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """Published twice, with the rows of the second publish in the warehouse."""
    found = make_company(tmp_path / "acme")
    for run_id, count in (("r1", OLD), ("r2", NEW)):
        fill(found, customers=count)
        publish.publish(found, run_id)
    return found


def disturbed(point: str, how: str, *words: object) -> None:
    """The command fails at the point, with the ending that belongs to the manner."""
    done = cdp(*words, CDP_FAIL_AT=point, CDP_FAIL_HOW=how)
    wanted = -signal.SIGKILL if how == "kill" else 1
    assert done.returncode == wanted, done.stderr
    assert "Traceback" not in done.stderr
    fail_points.note("failed", point, how)


def again(*words: object) -> None:
    """The command, left in peace."""
    done = cdp(*words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", HOWS)
def test_durable_publish_rollback(company: Company, how: str) -> None:
    """Readers have the newer version until the older one is swapped in, whole."""
    words = ("publish", "--rollback", "--config", company.config_path)
    disturbed("publish.rollback", how, *words)
    between = customers(company.published)
    again(*words)

    assert (between, customers(company.published)) == (NEW, OLD)
    assert verify.damage(company.published) == []
    assert sorted(path.name for path in company.published.parent.iterdir()) == ["cdp.duckdb", "marts.duckdb"]
    fail_points.note("healed", "publish.rollback", how)


@pytest.mark.parametrize("how", HOWS)
def test_durable_backup_written(company: Company, how: str, tmp_path: Path) -> None:
    """Half a backup is never seen under the name of a whole one."""
    words = ("backup", "--to", tmp_path / "kept", "--config", company.config_path)
    disturbed("backup.written", how, *words)
    between = [path.name for path in (tmp_path / "kept").iterdir() if not path.name.startswith(".")]
    again(*words)
    files = sorted(path.name for path in (tmp_path / "kept").iterdir())

    assert [name for name in between if not name.endswith(".sha256")] == []
    assert len(files) == 2
    again("verify", "--backup", tmp_path / "kept" / files[0], "--config", company.config_path)
    fail_points.note("healed", "backup.written", how)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("point", ["restore.unpacked", "restore.state"])
def test_durable_restore(company: Company, point: str, how: str, tmp_path: Path) -> None:
    """The warehouse that is there opens until the restored one takes its place."""
    again("backup", "--to", tmp_path / "kept", "--config", company.config_path)
    (backup,) = (tmp_path / "kept").glob("*.tar.zst")
    fill(company, customers=3)
    words = ("restore", backup, "--config", company.config_path, "--force")
    disturbed(point, how, *words)
    between = customers(company.warehouse)
    again(*words)

    assert (between, customers(company.warehouse)) == (3, NEW)
    assert verify.damage(company.warehouse) == []
    assert sorted(path.name for path in company.warehouse.parent.iterdir()) == ["cdp.duckdb", "marts.duckdb"]
    with warehouse.connect(company) as con:
        assert con.execute("select count(*) from ops.runs where status = 'running'").fetchall() == [(0,)]
    fail_points.note("healed", point, how)


def test_every_other_command_is_here() -> None:
    """A new durable step has its test, in the battery that writes the page."""
    text = Path(__file__).read_text(encoding="utf-8")

    assert [point for point in OTHER_COMMANDS if f'"{point}"' not in text] == []
    assert set(fail_points.COMMANDS) == set(OTHER_COMMANDS)
