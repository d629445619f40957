"""`cdp rfm recompute`: forget the thresholds of the present month, then build: today's population gives new ones.

Thresholds are memory (`marts.rfm_thresholds`): they stay through builds and full refreshes, so that nobody's score moves because
others came or went. Months before are kept. Killed in between, the next build computes what is missing.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from cli import warehouse
from cli.config import Company
from cli.idle import stir
from cli.run import Outcome, Say, Working, run
from cli.runs import RunLog

STAGES = ("forget", "build", "validate", "publish")
COLUMNS = ("month_start", "measure", "score", "lower_bound", "upper_bound", "n")


@dataclass
class Recomputed:
    """What was replaced by what: thresholds of the month before and after, and how the run ended."""

    exit_code: int
    problems: list[str]
    before: list[dict[str, Any]] = field(default_factory=list)
    after: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "exit_code": self.exit_code,
            "problems": self.problems,
            "before": self.before,
            "after": self.after,
        }


def recompute(
    company: Company, say: Say = lambda text: None, working: Working = lambda stage: nullcontext()
) -> Recomputed:
    """Thresholds from the present population, scores by them, checked and published.

    Raises CdpError (exit 1) when there is no warehouse yet, BusyError (5) when another run is active.
    """
    with warehouse.connect(company, read_only=True):
        pass  # nothing to recompute before the first run: say so before a run is begun
    before: list[dict[str, Any]] = []
    month = _month(company)

    def forget(log: RunLog, outcome: Outcome) -> str:
        with warehouse.connect(company) as con:
            before.extend(_of_month(con, month))
            if before:
                con.execute("delete from marts.rfm_thresholds where month_start = ?", [month])
                stir(con)
        return f"{len(before)} thresholds of {month:%Y-%m}"

    outcome = run(company, STAGES, command="rfm recompute", say=say, working=working, also={"forget": forget})
    with warehouse.connect(company, read_only=True) as con:
        after = _of_month(con, month)
    return Recomputed(outcome.exit_code, outcome.problems, before, after)


def _month(company: Company) -> date:
    """First day of the month (reporting zone) that as_of lies in."""
    zone = ZoneInfo(company.file.reporting.timezone)
    return company.as_of(datetime.now(UTC)).astimezone(zone).date().replace(day=1)


def _of_month(con: duckdb.DuckDBPyConnection, month: date) -> list[dict[str, Any]]:
    if not warehouse.has_table(con, "marts", "rfm_thresholds"):
        return []
    found = con.execute(
        f"select {', '.join(COLUMNS)} from marts.rfm_thresholds where month_start = ?"
        " order by measure, score, computed_at",
        [month],
    ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]
