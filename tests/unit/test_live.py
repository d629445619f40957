"""Lines that move while a load runs: per table its rows, and nothing where nobody looks."""

import io
import sys

import pytest
from rich.console import Console

from cli.commands.run import watched
from cli.live import Live


def test_a_table_shows_its_rows_over_all_its_files() -> None:
    """A file that is read again, after a stream met a broken line, starts again."""
    out = io.StringIO()
    live = Live(Console(file=out, force_terminal=True, width=100))
    live.rows("crm", "contacts", "a.csv", 5)
    assert not out.getvalue(), "no stage runs"
    with live("load"):
        for label, rows in (("a.csv", 1_000), ("a.csv", 2_000), ("a.csv", 500), ("b.csv", 1_000)):
            live.rows("crm", "contacts", label, rows)
        assert live._shown is not None
        live._shown.refresh()
    shown = out.getvalue()

    assert "load ..." in shown
    assert "crm.contacts" in shown
    assert "1,500 rows" in shown


def test_nothing_moves_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule's log gets one line per stage; a terminal gets the moving ones."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert watched() == {}
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert set(watched()) == {"working", "progress"}
