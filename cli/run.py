"""`cdp run`: load, build, validate, publish, export, in one process, under one lock, with one run id.

Each stage is a function of (company, run); what they leave behind is durable, so a killed run is taken up by the next.
The exit code is the most serious thing that happened (design: 2, 1, 3, 4, 0); a block (3) stops publish and export.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb

from cli import alerts, compact, dbt, freshness, fuzzy_model, warehouse
from cli.build import build
from cli.config import Company, secret
from cli.dbt_tests import run_dbt_tests
from cli.errors import CdpError, Interrupted
from cli.export import Sending, export
from cli.generate import load_spec, source_specs
from cli.lock import run_lock
from cli.publish import publish
from cli.quality import validate
from cli.runs import RunLog, RunStatus, new_run_id, set_clock
from cli.summary import summarise
from cli.syncs import check_syncs, destination_specs
from pipelines import failpoints
from pipelines.fetch import fill_client
from pipelines.load import SourceLoad, load_sources
from pipelines.specs import Progress, silent

STAGES = ("load", "build", "validate", "publish", "export")
PRECEDENCE = (2, 1, 3, 4, 0)
STATUS: dict[int, RunStatus] = {0: "succeeded", 1: "failed", 2: "failed", 3: "blocked", 4: "partial"}
Say = Callable[[str], None]
Working = Callable[[str], AbstractContextManager[Any]]


@dataclass
class Outcome:
    """What a run did, as `--json` prints it."""

    run_id: str
    as_of: str
    codes: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stages: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The most serious code met."""
        return next(code for code in PRECEDENCE if code in [*self.codes, 0])

    @property
    def blocked(self) -> bool:
        """A gate stopped the run: nothing may be published or sent."""
        return 3 in self.codes

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "run_id": self.run_id,
            "as_of": self.as_of,
            "status": STATUS[self.exit_code],
            "exit_code": self.exit_code,
            "problems": self.problems,
            "stages": self.stages,
            "summary": self.summary,
        }


def run(
    company: Company,
    stages: tuple[str, ...] = STAGES,
    *,
    full_refresh: bool = False,
    command: str = "run",
    say: Say = lambda text: None,
    working: Working = lambda stage: nullcontext(),
    progress: Progress = silent,
    also: Mapping[str, Callable[[RunLog, "Outcome"], str]] | None = None,
    sending: Sending | None = None,
) -> Outcome:
    """Run the given stages; `say` gets a line per finished stage, `working` is entered while one runs, `progress` hears of
    the rows that a load has read so far.

    `also` gives stages of other commands, by name; `sending` says how the stage export may send.

    Raises BusyError when another run is active and CdpError when a stage fails; the run record is written either way.
    """
    started = datetime.now(UTC)
    run_id = new_run_id(started)
    alerting = command == "run"
    sending = sending or Sending()
    try:
        check_before(company, stages)
    except CdpError as error:
        if alerting:
            alerts.tell(company, run_id, error.exit_code, {}, None)
        raise
    with run_lock(company, command, run_id), _signals(sending):
        warehouse.create(company)
        log = RunLog.begin(company, command, company.as_of(started), run_id)
        outcome = Outcome(run_id, company.as_of(started).isoformat())
        try:
            _stages(company, stages, log, outcome, full_refresh, say, working, progress, also or {}, sending)
            _tidy(company, log, outcome, stages, say)
            failpoints.reach("run.finish")
            if "build" in stages:
                with warehouse.connect(company) as con:
                    outcome.summary = summarise(con)
            log.finish(STATUS[outcome.exit_code], outcome.exit_code, outcome.to_dict())
        except BaseException as error:
            code = _close(log, error)
            if alerting:
                alerts.tell(company, run_id, code, outcome.stages, log)
            raise
        if alerting:
            alerts.tell(company, run_id, outcome.exit_code, outcome.stages, log)
    return outcome


def check_before(company: Company, stages: tuple[str, ...]) -> None:
    """Whatever can be known to be wrong before anything is done. Raises UsageError (exit 2)."""
    syncs = check_syncs(company)
    if "export" in stages:
        used = {sync.destination for sync in syncs}
        destination_specs(company, with_secrets=True, only=used)
    if "load" in stages:
        for source in source_specs(company):
            fill_client(load_spec(company), source)
    if company.file.identity.salt:
        secret(company.file.identity.salt, "identity.salt")
    fuzzy_model.check(company)


def _stages(
    company: Company,
    stages: tuple[str, ...],
    log: RunLog,
    outcome: Outcome,
    full_refresh: bool,
    say: Say,
    working: Working,
    progress: Progress,
    also: Mapping[str, Callable[[RunLog, Outcome], str]],
    sending: Sending,
) -> None:
    with warehouse.connect(company) as con:
        set_clock(con, log.as_of, log.run_id)
    work: dict[str, Callable[[], str]] = {name: partial(one, log, outcome) for name, one in also.items()}
    work |= {
        "load": lambda: _load(company, log, outcome, progress),
        "build": lambda: _build(company, log, outcome, full_refresh),
        "validate": lambda: _validate(company, log, outcome, everything="build" not in stages),
        "publish": lambda: _publish(company, log, outcome),
        "export": lambda: export(company, log, outcome, sending),
    }
    for name in stages:
        if outcome.blocked and name in ("publish", "export"):
            say(f"{name:<9} skipped: the run is blocked")
            continue
        with log.step(name) as step, working(name):
            told = work[name]()
        say(f"{name:<9} {step.seconds:6.1f} s  {told}")


def _load(company: Company, log: RunLog, outcome: Outcome, progress: Progress) -> str:
    loads = load_sources(load_spec(company), source_specs(company), log.run_id, progress)
    failed = [one for one in loads if one.error]
    with warehouse.connect(company) as con:
        freshness.looked(con, company, [one.source for one in loads if one.error is None], log.run_id)
        late = [one for one in freshness.measure(con, company) if one.is_stale(datetime.now(UTC))]
    outcome.problems += [one.told() for one in late]
    outcome.codes += [4] if late else []
    outcome.stages["load"] = [
        {
            "source": one.source,
            "files": one.files,
            "received": one.received,
            "new_columns": one.added,
            "drained": one.drained,
            "error": str(one.error) if one.error else None,
        }
        for one in loads
    ]
    for one in failed:
        hint = f"; {one.error.hint}" if one.error and one.error.hint else ""
        outcome.problems.append(f"source {one.source}: {one.error}{hint}")
    if failed and len(failed) == len(loads):
        raise CdpError(
            "no source could be loaded:\n" + "\n".join(f"  {one.error}" for one in failed),
            hint=failed[0].error.hint if failed[0].error else None,
        )
    if failed:
        outcome.codes.append(4)
    rows = sum(sum(one.received.values()) for one in loads)
    files = sum(one.files for one in loads)
    return f"{rows:,} rows from {files} new files{_new_columns(loads)}" if files else "nothing new"


def _new_columns(loads: list[SourceLoad]) -> str:
    """Columns that a delivery brought for the first time: kept in raw, and of no use until they are mapped."""
    named = [
        f"{one.source}.{table}: " + ", ".join(f"`{column}`" for column in columns)
        for one in loads
        for table, columns in one.added.items()
    ]
    return f"; new columns, kept in raw, to be mapped in cdp.yml: {'; '.join(named)}" if named else ""


def _build(company: Company, log: RunLog, outcome: Outcome, full_refresh: bool) -> str:
    result = build(company, log.run_id, full_refresh)
    outcome.stages["build"] = {
        "full": result.full,
        "reason": result.reason,
        "loads": result.loads,
        "models": len(result.nodes),
        "dropped": result.dropped,
    }
    kind = f"in full ({result.reason})" if result.full else f"{result.loads} new loads"
    if result.told:
        outcome.stages["build"]["probable_links"] = result.told
    gone = f"; {result.told}" if result.told else ""
    gone += f", dropped {', '.join(result.dropped)} (no model any more)" if result.dropped else ""
    return f"{len(result.nodes)} models, {kind}{gone}"


def _validate(company: Company, log: RunLog, outcome: Outcome, everything: bool) -> str:
    """Behind a build, which knows what it has written, tests whose last answer holds are carried over; by itself, none."""
    if not (company.dot / "project").is_dir():
        raise CdpError(
            "there is nothing to validate: no build has run here", hint="run `cdp build` or `cdp run` first"
        )
    tests = run_dbt_tests(company, everything)
    quality = validate(company, log.run_id)
    failures = [str(one) for one in tests.failures] + [str(one) for one in quality.failures]
    critical = [str(one) for one in tests.failures if one.severity == "critical"]
    critical += [str(one) for one in quality.failures if one.severity == "critical"]
    tests.store(company, log.run_id)
    outcome.stages["validate"] = {
        "tests": tests.count,
        "tests_asked": len(tests.asked),
        "tests_carried_over": len(tests.carried_over),
        "checks": len(quality.results),
        "carried_over": quality.carried_over,
        "failures": failures,
        "critical": critical,
    }
    if critical:
        outcome.codes.append(3)
        outcome.problems += [f"blocked by {text}" for text in critical]
    warnings = len(failures) - len(critical)
    return (
        f"{tests.told()}, {len(quality.results)} checks{' carried over' if quality.carried_over else ''}: "
        f"{len(critical)} critical, {warnings} warnings"
    )


def _publish(company: Company, log: RunLog, outcome: Outcome) -> str:
    done = publish(company, log.run_id)
    told = [
        {"file": _inside(company, one.file), "rows": one.rows, "tables": len(one.tables), "bytes": one.size}
        for one in (done, *done.others)
    ]
    outcome.stages["publish"] = told[0] | {"others": told[1:]}
    return "; ".join(f"{one['file']}: {one['tables']} tables, {one['rows']:,} rows" for one in told)


def _inside(company: Company, path: Path) -> str:
    return str(path.relative_to(company.root)) if path.is_relative_to(company.root) else str(path)


def _tidy(
    company: Company, log: RunLog, outcome: Outcome, stages: tuple[str, ...], say: Callable[[str], None]
) -> None:
    """Rewrite the warehouse when too much of it is empty, at the end of a build; without room for that it stays as it is."""
    if "build" not in stages:
        return
    size = compact.measure(company)
    if (why := compact.is_due(company, size)) is None:
        compact.remember(company, log.run_id, size)
        return
    try:
        compact.need_room(company)
    except CdpError as error:
        log.log("compact.skipped", why=str(error))
        say(f"compact   not done: {error}")
        return
    with log.step("compact") as step:
        done = compact.compact(company, log.run_id)
    outcome.stages["compact"] = {"why": why, "bytes_before": done.before, "bytes_after": done.after}
    say(
        f"{'compact':<9} {step.seconds:6.1f} s  {why}: {done.before / 1e6:,.0f} MB -> {done.after / 1e6:,.0f} MB"
    )


def _close(log: RunLog, error: BaseException) -> int:
    """Write how the run ended; if even that fails, the next run closes it as died."""
    code = error.exit_code if isinstance(error, CdpError | Interrupted) else 1
    told = str(error).splitlines()[0][:300] if isinstance(error, CdpError) else type(error).__name__
    try:
        log.finish(STATUS.get(code, "failed"), code, error=told)
    except (CdpError, OSError, duckdb.Error):
        # on a full disk dbt leaves a database behind that neither works nor lets another connection in
        log.log("run.unclosed", error=told)
    return code


@contextmanager
def _signals(sending: Sending) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if dbt.running:
            # As a kill would: the next run closes this one's record and takes up its work.
            os.write(2, b"error: interrupted; what was finished is kept\n\nhint: run `cdp run` again\n")
            os._exit(128 + number)
        if sending.ask(128 + number):
            return  # the batch under way is finished and written down; a second signal does not wait for it
        raise Interrupted(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
