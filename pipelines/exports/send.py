"""Apply the plans: one sync after the other, each operation committed before anybody hears of it.

Data flow: plans -> guards of all syncs -> some batches into the outbox (commit) -> per batch: request -> answer (commit)
-> exports.ledger, exports.deliveries, exports.runs, ExportResult

Rows go out in batches to a `RowDestination`. A `SetDestination` (a file) gets all rows that should be there
in one step: its changes are pending first, then the set is replaced, then they are acknowledged. Killed in
between, the next run finds the pending rows, sees from the manifest whether the replacement happened, and
ends the same.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import duckdb

from pipelines.errors import UsageError
from pipelines.exports import batches, ledger, outbox, owed, still
from pipelines.exports.destinations import open_rows, open_set, writes_full_set
from pipelines.exports.destinations.base import RowDestination, SetDestination, SetState
from pipelines.exports.fingerprints import Fingerprint
from pipelines.exports.ledger import Stamp, Tally
from pipelines.exports.plan import Prepared, SyncPlan, discard, prepare, utc
from pipelines.exports.plan_file import refuse_moved
from pipelines.exports.results import ExportResult, Status, SyncResult, exit_code
from pipelines.exports.shared import others_of
from pipelines.exports.specs import DestinationSpec, PurposeSpec, SyncSpec
from pipelines.exports.stopping import Stop
from pipelines.exports.values import inlined
from pipelines.exports.wire import Batch, Wire
from pipelines.failpoints import reach

# rows that are judged and built in one commit, in whole batches
ROWS_TOGETHER = 20_000
# in `force`: every sync
EVERY_SYNC = "*"


def run_syncs(
    con: duckdb.DuckDBPyConnection,
    syncs: Sequence[SyncSpec],
    purposes: Mapping[str, PurposeSpec],
    destinations: Mapping[str, DestinationSpec],
    *,
    run_id: str,
    as_of: datetime,
    now: datetime,
    dry_run: bool = False,
    force: Mapping[str, str] | None = None,
    expected: Mapping[str, Fingerprint] | None = None,
    stop: Stop | None = None,
) -> ExportResult:
    """Send what changed since the last accepted state, under guards and the lawful basis at `as_of`.

    `now` is the time that deliveries carry. `force` gives, per sync (`*`: all), the reason why its guard is overruled;
    `expected` the fingerprints of a plan that must still be true. Raises UsageError, BlockedError (the plan has moved) or
    CdpError before anything is sent; what a destination refuses, a guard holds back or `stop` cuts short is in the result
    and its exit code (0, 3, 4).
    """
    stamp = Stamp(run_id, utc(as_of), utc(now))
    overruled = dict(force or {})
    _check_forced(syncs, overruled)
    stop = stop or Stop()
    prepared = prepare(con, syncs, purposes, destinations, as_of=as_of)
    try:
        if expected is not None:
            refuse_moved(expected, {one.sync.name: one.counts.fingerprint for one in prepared})
        results = [planned_result(one.counts, overruled) for one in prepared]
        if not dry_run:
            _close_interrupted(con)
            with outbox.without_checkpoints(con):
                results = [
                    _apply(con, one, result, stamp, stop)
                    for one, result in zip(prepared, results, strict=True)
                ]
    finally:
        discard(con, prepared)
    return ExportResult(run_id, results, exit_code(results))


def _check_forced(syncs: Sequence[SyncSpec], force: Mapping[str, str]) -> None:
    known = [sync.name for sync in syncs]
    if unknown := sorted(set(force) - {*known, EVERY_SYNC}):
        raise UsageError(
            f"no sync is named {', '.join(unknown)}", hint=f"syncs: {', '.join(sorted(known)) or 'none'}"
        )


def planned_result(counts: SyncPlan, force: Mapping[str, str] | None = None) -> SyncResult:
    """The result of a sync nobody has started yet."""
    guard = counts.guard
    why = (force or {}).get(counts.sync) or (force or {}).get(EVERY_SYNC)
    forced = why if guard and guard.can_force else None
    values = asdict(counts)
    for name in ("guard", "requests", "fingerprint", "deferrals"):
        del values[name]
    status: Status = "blocked" if guard and not forced else "planned" if counts.due else "unchanged"
    reason = guard.reason if guard else None
    if guard and why and not forced:
        reason = f"{guard.reason}; this cannot be forced: correct the model"
    return SyncResult(status=status, reason=reason, forced=forced, **values)


def _apply(
    con: duckdb.DuckDBPyConnection, prepared: Prepared, result: SyncResult, stamp: Stamp, stop: Stop
) -> SyncResult:
    """Send one sync and write its line into exports.runs."""
    if result.status == "blocked":
        result = _send_owed(con, prepared, result, stamp, stop)
        _log(con, result, result.status, stamp)
        return result
    if prepared.is_still:
        _log(con, result, result.status, stamp)
        return result
    _log(con, result, "running", stamp)
    ledger.settle(con, prepared, stamp)
    kind, options = prepared.destination.type, prepared.destination.options
    if stop.reason and result.status == "planned":
        result = replace(result, status="interrupted", reason=stop.reason)
    elif (whole := open_set(kind, options, prepared.sync.name)) is not None:
        result = _send_set(con, prepared, whole, result, stamp)
    elif result.status == "planned":
        result = _send_rows(con, prepared, _opened(prepared, stop), result, stamp, stop)
    _log(con, result, result.status, stamp)
    _remember(con, prepared, result, stamp)
    return result


def _remember(con: duckdb.DuckDBPyConnection, prepared: Prepared, result: SyncResult, stamp: Stamp) -> None:
    """Note a plan with nothing in it; that of a set is made anew, for the set is compared with what is there."""
    is_empty = result.status == "unchanged" and not prepared.counts.guard
    if is_empty and not writes_full_set(prepared.destination.type):
        if con.execute(f"select 1 from {prepared.prefix}_plan limit 1").fetchall():
            return
        still.remember(
            con, prepared.sync, prepared.purpose, prepared.destination, stamp.as_of, prepared.counts
        )


def _opened(prepared: Prepared, stop: Stop) -> RowDestination:
    """The destination of rows, which ends its pauses when the run ends."""
    rows = open_rows(prepared.destination.type, prepared.destination.options, prepared.sync.name)
    assert rows is not None, "a destination type opens as rows or as a set"
    if hasattr(rows, "stop"):
        rows.stop = stop
    return rows


def _send_owed(
    con: duckdb.DuckDBPyConnection, prepared: Prepared, blocked: SyncResult, stamp: Stamp, stop: Stop
) -> SyncResult:
    """The removals that no guard holds back; the sync stays blocked, killed or not, and its volume teaches nothing."""
    _log(con, blocked, blocked.status, stamp)
    if not blocked.owed or stop.reason:
        return blocked
    owed.cut_down(con, prepared.prefix)
    ledger.settle(con, prepared, stamp)
    sent = _send_rows(con, prepared, _opened(prepared, stop), blocked, stamp, stop)
    left = blocked.owed - sent.acked
    told = (
        f"; {left} of {blocked.owed} removals that are owed in spite of it did not go out: {sent.reason}"
        if left
        else ""
    )
    return replace(sent, status="blocked", reason=f"{blocked.reason}{told}")


def _send_rows(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    destination: RowDestination,
    planned: SyncResult,
    stamp: Stamp,
    stop: Stop,
) -> SyncResult:
    """Batch after batch, until all are answered, the destination has stopped or it is time to stop."""
    try:
        with Wire(con, prepared.sync.name, destination, stop) as wire:
            if hasattr(destination, "others"):
                destination.others = others_of(con, prepared, wire.turn)
            numbers = batches.cut_batches(con, prepared, destination.batch_size)
            with outbox.one_thread(con):
                tally, unsent = _send_through(con, prepared, destination, wire, numbers, stamp)
    finally:
        destination.close()
    result = _finished(planned, tally, destination.stopped)
    if stop.reason and unsent:
        return replace(result, status="interrupted", reason=stop.reason)
    return result


def _send_through(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    destination: RowDestination,
    wire: Wire,
    numbers: Sequence[int],
    stamp: Stamp,
) -> tuple[Tally, int]:
    """Send these batches; returns what was counted, and how many batches were not sent because the run ends.

    While some batches are on the wire, the ones before are taken into the ledger and the next ones are judged and built. A batch
    that is refused as a whole goes again in halves: a bad row among n is found in 2 log2(n) + 1 requests.
    """
    waiting = deque(numbers)
    together = max(1, ROWS_TOGETHER // destination.batch_size)
    tally = Tally()

    def taken(answered: Sequence[int]) -> list[Batch]:
        nonlocal tally
        some = [waiting.popleft() for _ in range(min(len(waiting), together))]
        with wire.turn, outbox.snapshot(con):
            # judged by what the ledger knew before, whichever of the two ends first
            entering = wire.take_in(answered)
            found, dropped = batches.take(con, prepared, destination, some, stamp) if some else ([], 0)
        tally += Tally(dropped=dropped)
        if some:
            reach("export.pending")
        entering.result()
        return found

    group, unsent, answered = taken([]), 0, list[int]()
    while group or waiting:
        on_the_way = wire.send(group)
        following = taken(answered)
        sent = on_the_way.result()
        answered = [number for number, _ in group]
        tally += sent.tally
        halves = [half for number in sent.refused_whole for half in batches.halve(con, prepared, number)]
        waiting.extendleft(reversed(halves))
        group, unsent = following, sent.unsent
        if wire.is_ending:
            break
    outbox.take_in(con)
    return tally, unsent + len(group) + len(waiting)


def _send_set(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    destination: SetDestination,
    planned: SyncResult,
    stamp: Stamp,
) -> SyncResult:
    """Bring the destination to the whole set, unless it has it already; then acknowledge the changes."""
    try:
        state, due, dropped = batches.take_set(con, prepared, stamp)
        if due:
            reach("export.pending")
        problem, is_written = _write(con, destination, state)
        if due:
            reach("export.sent")
            outbox.answer(con, prepared.sync.name, batches.WHOLE_SET, ledger.read_set(problem), None)
            outbox.take_in(con)
            reach("export.acked")
    finally:
        destination.close()
    if problem:
        return _finished(planned, Tally(unanswered=due, dropped=dropped), problem)
    result = _finished(planned, Tally(acked=due, dropped=dropped), None)
    if is_written and not due:
        # nothing changed here, but somebody else moved or changed what we had written
        return replace(
            result, status="sent", reason="what the destination held was not the set; written again"
        )
    return result


def _write(
    con: duckdb.DuckDBPyConnection, destination: SetDestination, state: SetState
) -> tuple[str | None, bool]:
    """Replace the set where it differs; returns what went wrong, and whether anything was written."""
    try:
        if destination.holds(state):
            return None, False
        destination.write(con, state)
    except OSError as error:
        return f"could not write: {error.strerror or type(error).__name__}", False
    except duckdb.Error as error:
        return f"could not write: {type(error).__name__}", False
    return None, True


def _finished(planned: SyncResult, tally: Tally, stopped: str | None) -> SyncResult:
    """The plan with what came of it."""
    exclusions = dict(planned.exclusions)
    if tally.dropped:
        exclusions["basis lost before sending"] = tally.dropped
    failures = tally.rejected + tally.unanswered
    status: Status = planned.status if planned.status == "unchanged" else "sent"
    reason = f"forced over a guard: {planned.reason}" if planned.forced else planned.reason
    if stopped or failures:
        status = "partial" if tally.acked else "failed"
    return replace(
        planned,
        status=status,
        reason=stopped
        or (f"{failures} operations were not accepted; they are sent again next run" if failures else reason),
        excluded=planned.excluded + tally.dropped,
        exclusions=exclusions,
        acked=tally.acked,
        rejected=tally.rejected,
        unanswered=tally.unanswered,
    )


def _log(con: duckdb.DuckDBPyConnection, result: SyncResult, status: str, stamp: Stamp) -> None:
    """The line of this sync and run, replaced as the run goes on."""
    line: dict[str, Any] = {
        **asdict(result),
        "run_id": stamp.run_id,
        "status": status,
        "started_at": stamp.now,
        "exclusions": json.dumps(result.exclusions, sort_keys=True),
    }
    names = ", ".join(line)
    with outbox.transaction(con):
        con.execute(inlined("delete from exports.runs where sync = $sync and run_id = $run_id", line))
        con.execute(
            inlined(
                f"insert into exports.runs ({names}) values ({', '.join(f'${name}' for name in line)})", line
            )
        )


def _close_interrupted(con: duckdb.DuckDBPyConnection) -> None:
    """A line that still says running belongs to a run that was killed: only one run is alive at a time."""
    con.execute("update exports.runs set status = 'interrupted' where status = 'running'")
