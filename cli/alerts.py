"""Alerts on change of state: what is wrong now against what each channel was last told.

Data flow: how the run ended, freshness  ->  conditions  ->  changes per channel  ->  webhook, Slack, mail

A channel remembers what it was told (`.cdp/alerts.json`, not in the warehouse: that one is damaged is the first thing
to tell). The same failure the next night is no change; its end is one. What could not be delivered is still a change at the
next run. A channel that fails costs the run nothing and is written down (`ops.alerts`, the run's log).

A message has names of sources, syncs and checks, states, run id and exit code: never the text of an error, which may quote.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from cli import alert_channels, freshness, runs, warehouse
from cli.config import Company
from cli.config_operations import AlertChannel
from cli.runs import RunLog
from pipelines.errors import CdpError

OK = "ok"
STATES = {1: "failed", 2: "failed", 3: "blocked", 4: "partial"}
_SYNC_STATES = ("failed", "blocked", "partial")


@dataclass(frozen=True)
class Condition:
    """Something that is well or not: its state, and words for people."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Change:
    """A condition whose state differs from what a channel was told."""

    condition: Condition
    before: str

    def __str__(self) -> str:
        detail = f" ({self.condition.detail})" if self.condition.detail else ""
        return f"{self.condition.name}: {self.before} -> {self.condition.state}{detail}"


def tell(
    company: Company, run_id: str, exit_code: int, stages: Mapping[str, Any], log: RunLog | None
) -> None:
    """Tell every channel what has changed for it. Never raises: the run's own outcome is what counts."""
    if not company.file.alerts or exit_code >= 128:
        return
    try:
        _tell(company, run_id, exit_code, stages, log)
    except Exception as error:
        if log:
            log.log("alerts.failed", error=type(error).__name__)


def conditions(company: Company, exit_code: int, stages: Mapping[str, Any]) -> list[Condition]:
    """Every condition that this run can judge; others keep their state."""
    found = [Condition("run", STATES.get(exit_code, OK), _detail(exit_code, stages))]
    for one in stages.get("load") or []:
        found.append(Condition(f"source {one['source']}", "failed" if one["error"] else OK))
    for one in stages.get("export") or []:
        state = one["status"] if one["status"] in _SYNC_STATES else OK
        found.append(Condition(f"sync {one['sync']}", state))
    now = datetime.now(UTC)
    for fresh in _freshness(company):
        stale = fresh.is_stale(now)
        found.append(
            Condition(f"freshness {fresh.source}", "stale" if stale else OK, fresh.told() if stale else "")
        )
    return found


def changes(channel: AlertChannel, told: Mapping[str, str], found: Sequence[Condition]) -> list[Change]:
    """What is new to a channel; states it does not want count as well."""
    seen = []
    for one in found:
        state = one.state if not channel.only or one.state in channel.only else OK
        if state != told.get(one.name, OK):
            seen.append(
                Change(Condition(one.name, state, one.detail if state != OK else ""), told.get(one.name, OK))
            )
    return seen


def _tell(
    company: Company, run_id: str, exit_code: int, stages: Mapping[str, Any], log: RunLog | None
) -> None:
    found = conditions(company, exit_code, stages)
    path = company.dot / "alerts.json"
    known = _read(path)
    booked = []
    for channel in company.file.alerts:
        told = known.setdefault(channel.name, {})
        new = changes(channel, told, found)
        if not new:
            continue
        message = alert_channels.Message(
            company=company.root.name,
            run_id=run_id,
            exit_code=exit_code,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            changes=[
                {
                    "condition": c.condition.name,
                    "before": c.before,
                    "now": c.condition.state,
                    "detail": c.condition.detail,
                }
                for c in new
            ],
        )
        error = alert_channels.send(channel, message)
        if error is None:
            told |= {change.condition.name: change.condition.state for change in new}
        booked.append((channel.name, "; ".join(str(change) for change in new), error is None, error))
        if log:
            log.log("alert", channel=channel.name, changes=[str(change) for change in new], error=error)
    if booked:
        _write(path, known)
        _book(company, run_id, booked)


def _detail(exit_code: int, stages: Mapping[str, Any]) -> str:
    critical = (stages.get("validate") or {}).get("critical") or []
    names = ", ".join(sorted({text.split(":")[0] for text in critical})[:5])
    return f"exit {exit_code}" + (f": {names}" if names and exit_code == 3 else "") if exit_code else ""


def _freshness(company: Company) -> list[freshness.Freshness]:
    promised = any(source.freshness for source in company.sources)
    if not promised or not company.warehouse.exists():
        return []
    try:
        with warehouse.connect(company) as con:
            return [one for one in freshness.measure(con, company) if one.promised is not None]
    except (CdpError, duckdb.Error):
        return []


def _book(company: Company, run_id: str, booked: list[tuple[str, str, bool, str | None]]) -> None:
    try:
        with warehouse.connect(company) as con:
            runs.ensure(con)
            for row in booked:
                con.execute(
                    "insert into ops.alerts values (?, ?, ?, ?, ?, ?)",
                    [run_id, runs.utc(datetime.now(UTC)), *row],
                )
    except (CdpError, duckdb.Error):
        return


def _read(path: Path) -> dict[str, dict[str, str]]:
    """What each channel was told; a file that cannot be read means nothing was: told twice is better than not at all."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): {str(k): str(v) for k, v in states.items()} for name, states in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(path: Path, known: Mapping[str, Mapping[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name("alerts.new.json")
    fresh.write_text(json.dumps(known, indent=1), encoding="utf-8")
    fresh.replace(path)
