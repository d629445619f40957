"""`cdp plan`, `cdp apply` and the stage `export`: the exports of one company, inside the run that `cli/run.py` leads.

`export` is plan and apply in one: the same plan, the same guards; `apply` adds that the plan must still be the one that was read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cli import warehouse
from cli.config import Company
from cli.errors import BlockedError, CdpError, Interrupted
from cli.gate import refuse_unvalidated
from cli.lock import run_lock
from cli.runs import RunLog, new_run_id
from cli.syncs import check_syncs, destination_specs, purpose_specs
from pipelines.exports.stopping import Stop

if TYPE_CHECKING:
    from cli.run import Outcome
    from pipelines.exports import ExportResult, Fingerprint


@dataclass
class Sending:
    """How this run may send: overruled guards (sync or `*` -> why), the plan it must still match, when to end."""

    force: Mapping[str, str] = field(default_factory=dict)
    expected: "Mapping[str, Fingerprint] | None" = None
    _stop: Stop | None = None

    @contextmanager
    def under_way(self, seconds: float | None) -> Iterator[Stop]:
        """While this holds, a signal ends the sending after its batch."""
        self._stop = Stop(seconds)
        try:
            yield self._stop
        finally:
            self._stop = None

    def ask(self, exit_code: int) -> bool:
        """Ask the sending to end; False when nothing is being sent, or it was asked before and does not end."""
        if self._stop is None or self._stop.exit_code is not None:
            return False
        self._stop.ask(exit_code)
        return True


def export(company: Company, log: RunLog, outcome: "Outcome", sending: Sending) -> str:
    """Send what changed; what came of it is in the outcome. Raises Interrupted once a signal has ended the sending."""
    from pipelines.exports import run_syncs

    syncs = check_syncs(company)
    if not syncs and sending.expected is None:
        outcome.stages["export"] = []
        return "no syncs declared"
    destinations = destination_specs(company, with_secrets=True, only={sync.destination for sync in syncs})
    with (
        warehouse.connect(company) as con,
        sending.under_way(company.file.exports.deadline_seconds) as stop,
    ):
        refuse_unvalidated(con, "sent")
        result = run_syncs(
            con,
            syncs,
            purpose_specs(company),
            destinations,
            run_id=log.run_id,
            as_of=log.as_of,
            now=datetime.now(UTC),
            force=sending.force,
            expected=sending.expected,
            stop=stop,
        )
    if stop.exit_code is not None:
        raise Interrupted(stop.exit_code)
    return _told(result, outcome)


def _told(result: "ExportResult", outcome: "Outcome") -> str:
    outcome.stages["export"] = result.to_dict()["syncs"]
    if result.exit_code:
        outcome.codes.append(result.exit_code)
    for one in result.syncs:
        if one.status in ("blocked", "failed", "partial", "interrupted"):
            outcome.problems.append(f"sync {one.sync}: {one.status}: {one.reason}")
        elif one.forced:
            outcome.problems.append(f"sync {one.sync}: {one.reason} ({one.forced})")
    sent = sum(one.acked for one in result.syncs)
    excluded = sum(one.excluded for one in result.syncs)
    waiting = sum(one.deferred for one in result.syncs)
    later = f", {waiting} wait" if waiting else ""
    return f"{len(result.syncs)} syncs: {sent} sent, {excluded} held back without a lawful basis or by a hold{later}"


def plan(company: Company) -> dict[str, Any]:
    """What `export` would do now, as plain values: counts, exclusions, guards, masked samples, and the exit code it would have.

    Nothing is sent and no ledger row is written. Raises BusyError when a run is active.
    """
    from pipelines.exports.plan import discard, prepare
    from pipelines.exports.plan_file import plan_values
    from pipelines.exports.results import exit_code
    from pipelines.exports.samples import samples
    from pipelines.exports.send import planned_result

    syncs = check_syncs(company)
    if not company.warehouse.exists():
        raise CdpError("there is nothing to plan: nothing has been built here", hint="run `cdp run`")
    now = datetime.now(UTC)
    as_of = company.as_of(now)
    with run_lock(company, "plan", new_run_id(now)), warehouse.connect(company) as con:
        gate = _gate(con)
        destinations = destination_specs(
            company, with_secrets=True, only={sync.destination for sync in syncs}
        )
        prepared = prepare(con, syncs, purpose_specs(company), destinations, as_of=as_of)
        values = plan_values([one.counts for one in prepared], now, as_of)
        for told, one in zip(values["syncs"], prepared, strict=True):
            told["samples"] = samples(con, one)
        results = [planned_result(one.counts) for one in prepared]
        discard(con, prepared)
    values["gate"] = gate
    values["exit_code"] = 3 if gate else exit_code(results)
    return values


def without_samples(values: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as a file may hold it: nothing about anybody, not even masked."""
    syncs = [{name: value for name, value in one.items() if name != "samples"} for one in values["syncs"]]
    return {**values, "syncs": syncs}


def _gate(con: Any) -> str | None:
    try:
        refuse_unvalidated(con, "sent")
    except BlockedError as error:
        return str(error)
    return None
