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
from pipelines.failpoints import OTHER_COMMANDS, POINTS
from tests import fail_points, laws
from tests.faults.forking import Trial, forking

FULL = bool(os.environ.get("CDP_PROOF"))
RANDOM_KILLS = 100 if FULL else 12
# At full size every failure is healed by itself. Small, a company dies many times in a row before it is left in peace: every
# point all the same, a third of the time, and states that a single death does not make.
DEATHS_IN_A_ROW = 1 if FULL else 6
PEOPLE = 300
HOWS = ("kill", "raise", "enospc") if FULL else ("kill",)


def chains() -> list[tuple[str, ...]]:
    """The registered points; when small, all in one row, in the order in which a run passes them."""
    passed = [point for point in POINTS if point not in OTHER_COMMANDS]
    if FULL:
        return [(point,) for point in sorted(passed)]
    return [tuple(passed)]


# One source fails there, the first one, and the others go on: partial.
PARTIAL_POINTS = ("load.extracted",)
FIRST_SOURCE = "crm"


@dataclass
class State:
    """What a company ends in. Memory of identity and of audiences is compared too: the clock is pinned."""

    marts: dict[str, list[str]]
    sent: list[tuple[str, str, str, str]]
    files: dict[str, bytes]


def state_of(company: Path) -> State:
    """The state of a company at rest."""
    return State(laws.snapshot(company), laws.sent(company), laws.files_sent(company))


@dataclass
class Stage:
    """The state every trial starts from, and what an undisturbed run makes of it."""

    start: Path
    held: list[tuple[Path, Path]]
    calm: State
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
    config = start / "cdp.yml"
    # Every run rewrites the warehouse: that is a durable step too.
    always = "warehouse:\n  compact_bytes: 0\n  compact_above: 0.001\n"
    config.write_text(config.read_text().replace("warehouse:\n", always, 1))
    held = laws.hold_back(start, "2026-05-31")
    assert trial(start)["code"] == 0, (base / "start.log").read_text()
    calm = laws.copy_company(start, base / "calm")
    laws.deliver(held, calm, start)
    clock = time.monotonic()
    assert trial(calm)["code"] == 0, (base / "calm.log").read_text()
    seconds = time.monotonic() - clock
    return Stage(start, held, state_of(calm), seconds)


@pytest.fixture(scope="module")
def late(stage: Stage, trial: Trial) -> State:
    """What two undisturbed runs make of it when the first source delivers for the second one only.

    A partial run is a whole one for the other sources: it gives new people their ids, enters them into audiences, sends.
    """
    company = laws.copy_company(stage.start, stage.start.parent / "late")
    first = [pair for pair in stage.held if FIRST_SOURCE in pair[0].parts]
    assert first
    laws.deliver([pair for pair in stage.held if pair not in first], company, stage.start)
    assert trial(company)["code"] == 0
    laws.deliver(first, company, stage.start)
    assert trial(company)["code"] == 0
    return state_of(company)


def check_healed(company: Path, wanted: State) -> None:
    """The laws, after the run that nobody disturbed."""
    found = state_of(company)
    assert laws.differences(found.marts, wanted.marts) == []
    assert [row[:3] for row in found.sent] == [row[:3] for row in wanted.sent]
    assert found.files == wanted.files
    with duckdb.connect(str(company / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        wrong = con.execute(
            "select * from ops.load_counts where received <> loaded + duplicates + quarantined + suppressed"
        ).fetchall()
        assert wrong == []
        assert con.execute("select count(*) from ops.runs where status = 'running'").fetchall() == [(0,)]
    with duckdb.connect(str(company / "warehouse" / "marts.duckdb"), read_only=True) as con:
        published = con.execute("select count(*) from marts.customer_360").fetchone()
        assert published == (len(wanted.marts["customer_360"]),)
    leftovers = [path.name for path in (company / "warehouse").iterdir()]
    assert sorted(leftovers) == ["analysts.duckdb", "cdp.duckdb", "marts.duckdb"]


def start_trial(stage: Stage, name: str) -> Path:
    """A copy of the start with the second deliveries in."""
    company = laws.copy_company(stage.start, stage.start.parent / name)
    laws.deliver(stage.held, company, stage.start)
    return company


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("points", chains(), ids=lambda points: f"{points[0]}-{points[-1]}")
def test_a_failure_at_each_durable_step_heals(
    points: tuple[str, ...], how: str, stage: Stage, trial: Trial, request: pytest.FixtureRequest
) -> None:
    """Every registered point is reached and fails; the next run puts all right."""
    company = start_trial(stage, f"{points[0]}-{how}")
    for point in points:
        died = trial(company, {"CDP_FAIL_AT": point, "CDP_FAIL_HOW": how})
        code = 4 if point in PARTIAL_POINTS else 1
        expected = {"signal": 9, "code": None} if how == "kill" else {"signal": None, "code": code}
        assert died == expected, point
        fail_points.note("failed", point, how)
    partial = how != "kill" and any(point in PARTIAL_POINTS for point in points)
    heal(company, request.getfixturevalue("late") if partial else stage.calm, trial)
    for point in points:
        fail_points.note("healed", point, how)


@pytest.mark.timeout(14400)
def test_kills_at_random_moments_heal(stage: Stage, trial: Trial) -> None:
    """SIGKILL with no regard to steps; about as many in each part of the run.

    Deaths in a row come from moments far apart, so that each finds work to interrupt.
    """
    rng = random.Random(20260630)
    rounds = RANDOM_KILLS // DEATHS_IN_A_ROW
    seconds = stage.seconds
    killed = 0
    for number in range(rounds):
        company = start_trial(stage, f"random-{number}")
        for death in range(DEATHS_IN_A_ROW):
            for attempt in range(20):
                if attempt:
                    # It was faster than the run that was measured: that is a run too, and the measure is corrected.
                    check_healed(company, stage.calm)
                    shutil.rmtree(company)
                    company = start_trial(stage, f"random-{number}-{death}-{attempt}")
                moment = seconds * (number + rounds * death + rng.random()) / RANDOM_KILLS
                clock = time.monotonic()
                if trial(company, kill_after=moment)["signal"] == signal.SIGKILL:
                    killed += 1
                    break
                seconds = min(seconds, time.monotonic() - clock)
            else:
                pytest.fail(f"twenty runs ended before they could be killed at {moment:.2f} s")
        heal(company, stage.calm, trial)
    assert killed == RANDOM_KILLS


def heal(company: Path, wanted: State, trial: Trial) -> None:
    """The run that nobody disturbs, and the laws after it."""
    healed = trial(company)
    assert healed["code"] == 0, company.with_name(f"{company.name}.log").read_text()[-2000:]
    check_healed(company, wanted)
    shutil.rmtree(company)
