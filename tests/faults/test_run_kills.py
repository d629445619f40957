"""Law 3: SIGKILL anywhere in `cdp run`; the next run ends in the state of an undisturbed one.

The company is the simulated one. Every trial starts from the same state (first deliveries taken in) and runs on the
second deliveries, dies, and is followed by one run that nobody disturbs. Compared with a run that was never killed:
every mart row for row, the acknowledged deliveries, the files sent, conservation, and that no file lies where none may.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from demo.generate import generate
from pipelines.failpoints import POINTS
from tests import laws
from tests.faults.forking import Trial, forking

RANDOM_KILLS = 100 if os.environ.get("CDP_PROOF") else 12
PEOPLE = 300
HOWS = ("kill", "raise", "enospc") if os.environ.get("CDP_PROOF") else ("kill",)
# One source fails there and the others go on: partial.
PARTIAL_POINTS = ("load.extracted",)
# Memory of identity and of audiences says when a thing was recorded; the clock is pinned, so it may be compared too.


@dataclass
class Stage:
    """The state every trial starts from, and what an undisturbed run makes of it."""

    start: Path
    held: list[tuple[Path, Path]]
    marts: dict[str, list[str]]
    sent: list[tuple[str, str, str, str]]
    files: dict[str, bytes]
    seconds: float


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """A process that forks trials."""
    with forking() as run:
        yield run


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, trial: Trial) -> Stage:
    """First deliveries taken in; second ones held; the undisturbed outcome known."""
    base = tmp_path_factory.mktemp("kills")
    start = base / "start"
    generate(start, people=PEOPLE)
    held = laws.hold_back(start, "2026-05-31")
    assert trial(start)["code"] == 0, (base / "start.log").read_text()
    calm = laws.copy_company(start, base / "calm")
    laws.deliver(held, calm, start)
    clock = time.monotonic()
    assert trial(calm)["code"] == 0, (base / "calm.log").read_text()
    seconds = time.monotonic() - clock
    return Stage(start, held, laws.snapshot(calm), laws.sent(calm), laws.files_sent(calm), seconds)


def check_healed(company: Path, stage: Stage) -> None:
    """The laws, after the run that nobody disturbed."""
    assert laws.differences(laws.snapshot(company), stage.marts) == []
    assert [row[:3] for row in laws.sent(company)] == [row[:3] for row in stage.sent]
    assert laws.files_sent(company) == stage.files
    with duckdb.connect(str(company / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        wrong = con.execute(
            "select * from ops.load_counts where received <> loaded + duplicates + quarantined + suppressed"
        ).fetchall()
        assert wrong == []
        assert con.execute("select count(*) from ops.runs where status = 'running'").fetchall() == [(0,)]
    with duckdb.connect(str(company / "warehouse" / "marts.duckdb"), read_only=True) as con:
        published = con.execute("select count(*) from marts.customer_360").fetchone()
        assert published == (len(stage.marts["customer_360"]),)
    leftovers = [path.name for path in (company / "warehouse").iterdir()]
    assert sorted(leftovers) == ["cdp.duckdb", "marts.duckdb"]


def start_trial(stage: Stage, name: str) -> Path:
    """A copy of the start with the second deliveries in."""
    company = laws.copy_company(stage.start, stage.start.parent / name)
    laws.deliver(stage.held, company, stage.start)
    return company


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("point", sorted(POINTS))
def test_a_failure_at_each_durable_step_heals(point: str, how: str, stage: Stage, trial: Trial) -> None:
    """Every registered point is reached and fails; the next run puts all right."""
    company = start_trial(stage, f"{point}-{how}")
    died = trial(company, {"CDP_FAIL_AT": point, "CDP_FAIL_HOW": how})
    code = 4 if point in PARTIAL_POINTS else 1
    assert died == ({"signal": 9, "code": None} if how == "kill" else {"signal": None, "code": code})
    healed = trial(company)

    assert healed["code"] == 0, (stage.start.parent / f"{company.name}.log").read_text()[-2000:]
    check_healed(company, stage)
    shutil.rmtree(company)


@pytest.mark.timeout(7200)
def test_kills_at_random_moments_heal(stage: Stage, trial: Trial) -> None:
    """SIGKILL with no regard to steps; about as many in each part of the run."""
    rng = random.Random(20260630)
    seconds = stage.seconds
    for number in range(RANDOM_KILLS):
        for attempt in range(6):
            company = start_trial(stage, f"random-{number}-{attempt}")
            moment = seconds * (number + rng.random()) / RANDOM_KILLS
            clock = time.monotonic()
            died = trial(company, kill_after=moment)
            if died["signal"] == signal.SIGKILL:
                break
            # It was faster than the run that was measured: that is a run too, and the measure is corrected.
            seconds = min(seconds, time.monotonic() - clock)
            check_healed(company, stage)
            shutil.rmtree(company)
        else:
            pytest.fail(f"six runs ended before they could be killed at {moment:.2f} s")
        healed = trial(company)
        assert healed["code"] == 0, (
            f"killed after {moment:.2f} s: "
            + (stage.start.parent / f"{company.name}.log").read_text()[-2000:]
        )
        check_healed(company, stage)
        shutil.rmtree(company)
