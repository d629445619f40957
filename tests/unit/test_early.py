"""The run lock before typer: what it understands it holds early, what it does not it leaves alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import early, lock
from pipelines.errors import BusyError
from tests.ops_company import PROJECT, first_line, make_company, python

TRY = """
import sys
from cli.main import main
sys.argv = ["cdp", *sys.argv[1:]]
try:
    main()
except SystemExit as leaving:
    print(leaving.code, sorted({"typer", "pydantic", "yaml", "duckdb"} & set(sys.modules)), flush=True)
"""
HOLD = """
import sys
from pathlib import Path
from cli.lock import claim
claim(Path(sys.argv[1]), "run")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("line", "config"),
    [
        ("run", "cdp.yml"),
        ("run --json --full-refresh", "cdp.yml"),
        ("load --config a/cdp.yml", "a/cdp.yml"),
        ("publish --config=a/cdp.yml --json", "a/cdp.yml"),
        ("publish --rollback", None),
        ("run --help", None),
        ("run --config", None),
        ("run --wrong", None),
        ("status --json", None),
        ("", None),
    ],
)
def test_only_plain_command_lines_are_understood(
    line: str, config: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What typer would refuse or explain must not wait for a lock."""
    monkeypatch.delenv("CDP_CONFIG", raising=False)
    found = early.config_of(line.split())

    assert found == (None if config is None else Path(config))


def test_the_environment_names_the_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for typer: an option goes before it, and an empty variable is none."""
    monkeypatch.setenv("CDP_CONFIG", "b/cdp.yml")
    named, said = early.config_of(["run"]), early.config_of(["run", "--config", "a/cdp.yml"])
    monkeypatch.setenv("CDP_CONFIG", "")

    assert (named, said) == (Path("b/cdp.yml"), Path("a/cdp.yml"))
    assert early.config_of(["run"]) == Path("cdp.yml")


def test_whoever_finds_it_held_leaves_before_anything_is_imported(tmp_path: Path) -> None:
    """Nine of ten runs started at once cost next to nothing, and say who works."""
    company = make_company(tmp_path)
    other = python(HOLD, company.config_path)
    assert first_line(other) == "held"
    done = python(TRY, "run", "--config", company.config_path)
    out, error = done.communicate(timeout=60)
    other.kill()
    other.communicate()

    assert out == "5 []\n"
    assert f"process {other.pid}, started 20" in error
    assert "`kill" in error


def test_the_claim_is_the_run_s_own_and_ends_with_the_command(tmp_path: Path) -> None:
    """The command finds the lock taken by itself; one that never needed it gives it back."""
    company = make_company(tmp_path)
    with early.claimed(["run", "--config", str(company.config_path)]):
        lock.claim(company.config_path, "run")
        with lock.run_lock(company, "run", "r1") as mine:
            assert json.loads(lock.path_of(company).read_text())["run_id"] == "r1"
    assert mine.pid == os.getpid()
    with early.claimed(["load", "--config", str(company.config_path)]):
        pass
    done = python(TRY, "load", "--config", tmp_path / "none.yml")
    out, error = done.communicate(timeout=60)

    assert lock.holder(company) is None
    assert out.startswith("2 ")
    assert "none.yml" in error


def test_another_process_is_turned_away_by_a_claim(tmp_path: Path) -> None:
    """Between the claim and the run there is no gap."""
    company = make_company(tmp_path)
    other = python(HOLD, company.config_path)
    assert first_line(other) == "held"
    with (
        pytest.raises(BusyError, match="`cdp run`, process"),
        early.claimed(["run", "--config", str(company.config_path)]),
    ):
        pass
    other.kill()
    other.communicate()


def test_help_costs_at_most_three_times_the_import_of_typer() -> None:
    """Nothing heavy is imported to tell what there is. The least CPU of four, as others work on this machine too."""
    typer = min(cpu_of("-c", "import typer") for _ in range(4))
    told = min(cpu_of("-m", "cli.main", "--help") for _ in range(4))

    assert told <= 3 * typer


def cpu_of(*words: str) -> float:
    """Seconds of CPU of one interpreter."""
    process = subprocess.Popen([sys.executable, *words], cwd=PROJECT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime
