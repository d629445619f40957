"""The page of fail points tells what the battery did, and every point."""

import json
from pathlib import Path

import pytest

from pipelines.failpoints import POINTS
from tests import fail_points


def rows(page: str) -> dict[str, list[str]]:
    """Cells by point."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def test_the_page_counts_failures_and_what_was_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure without its healing is broken; what this proof did not touch stays as it was proved before."""
    notes = tmp_path / "notes.jsonl"
    monkeypatch.setenv("CDP_FAIL_POINTS", str(notes))
    for how in fail_points.HOWS:
        fail_points.note("failed", "publish.kept", how)
        fail_points.note("healed", "publish.kept", how)
    fail_points.note("failed", "run.finish", "kill")
    first = fail_points.page(notes, "", "abc1234", "2026-01-01")
    notes.write_text(
        json.dumps(["failed", "run.finish", "kill"])
        + "\n"
        + json.dumps(["healed", "run.finish", "kill"])
        + "\n"
    )
    second = fail_points.page(notes, first, "def5678", "2026-01-02")

    assert rows(first)["publish.kept"][1:] == ["`cdp run`", "1", "1", "1", "held", "abc1234", "2026-01-01"]
    assert rows(first)["run.finish"][2:6] == ["1", "0", "0", "BROKEN"]
    assert rows(first)["restore.state"][1:6] == ["`cdp restore`", "0", "0", "0", fail_points.UNPROVED]
    assert rows(second)["publish.kept"] == rows(first)["publish.kept"]
    assert rows(second)["run.finish"][2:] == ["1", "0", "0", "held", "def5678", "2026-01-02"]


def test_every_point_is_on_the_page() -> None:
    """A new point comes with the proof of it."""
    found = rows(fail_points.PAGE.read_text(encoding="utf-8"))

    assert list(found) == list(POINTS)
    assert [cells[0] for cells in found.values()] == list(POINTS.values())


def test_nothing_is_noted_unless_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests run without the page."""
    monkeypatch.delenv("CDP_FAIL_POINTS", raising=False)
    fail_points.note("failed", "run.finish", "kill")

    assert list(tmp_path.iterdir()) == []
