"""The rate of a destination, over everybody who asks it: never above, and not much below."""

import json
import subprocess
import sys
import time
from bisect import bisect_left
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cli.config import load_company
from cli.syncs import destination_specs
from pipelines.exports.destinations.options import Rate
from pipelines.exports.destinations.pace import Pace

CHILD = """
import json, sys, time
from pathlib import Path
from pipelines.exports.destinations.options import Rate
from pipelines.exports.destinations.pace import Pace
pace = Pace(Path(sys.argv[1]), Rate(requests=100, seconds=1))
end, left = float(sys.argv[2]), []
while time.time() < end:
    pace.depart()
    left.append(time.time())
print(json.dumps(left))
"""


def most_in_a_window(moments: list[float], seconds: float) -> int:
    """The greatest number of moments in any half-open window of so many seconds."""
    ordered = sorted(moments)
    return max(bisect_left(ordered, start + seconds) - index for index, start in enumerate(ordered))


class Clock:
    """Time that passes only when somebody sleeps, and a little more than asked."""

    def __init__(self, late: list[float]) -> None:
        self.now, self._late, self._index = 1000.0, late, 0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._index += 1
        self.now += seconds + self._late[self._index % len(self._late)]


@settings(max_examples=60, deadline=None)
@given(
    rate=st.integers(1, 300),
    seconds=st.sampled_from([0.5, 1.0, 10.0]),
    late=st.lists(st.floats(0, 0.03), min_size=1, max_size=7),
    work=st.lists(st.floats(0, 0.2), min_size=1, max_size=7),
)
def test_no_window_has_more_than_the_rate(
    rate: int, seconds: float, late: list[float], work: list[float]
) -> None:
    """However late the process wakes and however long its requests take."""
    clock = Clock(late)
    pace = Pace(None, Rate(requests=rate, seconds=seconds), clock=lambda: clock.now, sleep=clock.sleep)
    left = []
    for n in range(min(3 * rate, 400)):
        assert pace.depart()
        left.append(clock.now)
        clock.now += work[n % len(work)] / rate * seconds

    assert most_in_a_window(left, seconds) <= rate


@settings(max_examples=20, deadline=None)
@given(rate=st.integers(2, 200), late=st.lists(st.floats(0, 0.002), min_size=1, max_size=5))
def test_the_rate_is_used(rate: int, late: list[float]) -> None:
    """At least 0.95 of it, when there is enough to do."""
    clock = Clock(late)
    pace = Pace(None, Rate(requests=rate, seconds=1), clock=lambda: clock.now, sleep=clock.sleep)
    began = clock.now
    for _ in range(10 * rate):
        pace.depart()

    assert (10 * rate - 1) / (clock.now - began) >= 0.95 * rate


def test_the_rate_holds_over_processes(tmp_path: Path) -> None:
    """Three processes on one file, 100 a second: never more than one per cent above, at least 0.95 of it used."""
    path, seconds = tmp_path / "pace" / "crm", 2.5
    end = time.time() + 1.5 + seconds
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(end)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        for _ in range(3)
    ]
    each = [json.loads(child.communicate(timeout=60)[0]) for child in children]
    left = sorted(moment for moments in each for moment in moments)

    assert len([moments for moments in each if len(moments) > 5]) > 1
    assert most_in_a_window(left, 1.0) <= 101
    assert (len(left) - 1) / (left[-1] - left[0]) >= 95


def test_a_closed_window_is_everybodys(tmp_path: Path) -> None:
    """What one process is told, all keep; a shorter word does not open what a longer one has closed."""
    path = tmp_path / "crm"
    now = [1000.0]
    first, second = (Pace(path, None, clock=lambda: now[0]) for _ in range(2))
    first.close(30)
    second.close(5)
    closed = (second.depart(), second.closed_for())
    now[0] += 30

    assert closed == (False, 30.0)
    assert second.depart()


def test_a_clock_set_back_and_a_torn_file_open_again(tmp_path: Path) -> None:
    """Neither may stop the exports for years."""
    path = tmp_path / "crm"
    Pace(path, None, clock=lambda: 5e9).close(60)
    later = Pace(path, Rate(requests=1, seconds=1), clock=lambda: 1e9, sleep=lambda seconds: None)
    assert later.depart()
    path.write_text("{torn")

    assert later.depart()


def test_two_destinations_of_one_account_share_its_rate(tmp_path: Path) -> None:
    """A vendor counts requests by token: contacts and tasks of one HubSpot are one rate, another token is another."""
    (tmp_path / "cdp.yml").write_text(
        """
sources:
  - name: crm
    connector: files
    tables: [{name: contacts, entity: contact, path: c.csv, key: [id], columns: {email: email}}]
destinations:
  contacts: {type: hubspot, token: "${HUBSPOT_TOKEN}"}
  tasks: {type: hubspot, token: "${HUBSPOT_TOKEN}", object: tasks, id_property: case_id}
  other: {type: hubspot, token: "${OTHER_TOKEN}"}
  hook: {type: http, url: "https://one.example/"}
"""
    )
    specs = destination_specs(load_company(tmp_path / "cdp.yml"), with_secrets=False)
    paces = {name: Path(str(spec.options["pace"])).name for name, spec in specs.items()}
    assert paces == {"contacts": "contacts", "tasks": "contacts", "other": "other", "hook": "hook"}
