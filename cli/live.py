"""What moves on a terminal while a stage runs: the stage, and while loading a line per table with its rows and rows/s.

A load calls `rows` from DuckDB's threads many times a second, so it only notes a number; rich draws in a thread of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text


class _Rows(TextColumn):
    """Rows so far, and how fast they come."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Empty for a stage."""
        if not task.completed:
            return Text("")
        speed = task.finished_speed or task.speed
        return Text(f"{task.completed:,.0f} rows" + (f"  {speed:,.0f} rows/s" if speed else ""))


class Live:
    """Lines on one terminal; they are gone when the stage ends, and its one line in words stays."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._shown: Progress | None = None
        self._lines: dict[tuple[str, str], TaskID] = {}
        self._seen: dict[tuple[str, str], dict[str, int]] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Show the stage while it runs."""
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), _Rows())
        with Progress(*columns, console=self._console, transient=True) as self._shown:
            self._shown.add_task(f"{stage} ...", total=None)
            try:
                yield
            finally:
                self._lines.clear()
                self._seen.clear()
        self._shown = None

    def rows(self, source: str, table: str, label: str, rows: int) -> None:
        """Rows read so far of one file or query of a table; a file that is read again starts again."""
        if self._shown is None:
            return
        key = (source, table)
        files = self._seen.setdefault(key, {})
        files[label] = rows
        if key not in self._lines:
            self._lines[key] = self._shown.add_task(f"  {source}.{table}", total=None)
        self._shown.update(self._lines[key], completed=sum(files.values()))
