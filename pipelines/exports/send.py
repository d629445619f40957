"""Apply the plans: one sync after the other, each operation pending in the ledger before anybody hears of it.

Data flow: plans -> guards of all syncs -> per batch: pending (commit) -> request -> answer (commit)
-> exports.runs, ExportResult

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

from pipelines.exports import batches, ledger
from pipelines.exports.destinations import open_rows, open_set
from pipelines.exports.destinations.base import RowDestination, SetDestination, SetState
from pipelines.exports.ledger import Stamp, Tally
from pipelines.exports.plan import Prepared, discard, prepare, utc
from pipelines.exports.results import ExportResult, Status, SyncResult, exit_code
from pipelines.exports.specs import DestinationSpec, PurposeSpec, SyncSpec
from pipelines.failpoints import reach


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
) -> ExportResult:
    """Send what changed since the last accepted state, under guards and the lawful basis at `as_of`.

    `now` is the time that deliveries carry. Raises UsageError or CdpError before anything is sent; what a
    destination refuses, or a guard holds back, is in the result and its exit code (0, 3, 4).
    """
    stamp = Stamp(run_id, utc(as_of), utc(now))
    prepared = prepare(con, syncs, purposes, destinations, as_of=as_of)
    try:
        results = [_planned(sync) for sync in prepared]
        if not dry_run:
            _close_interrupted(con)
            results = [_apply(con, sync, stamp) for sync in prepared]
    finally:
        discard(con, prepared)
    return ExportResult(run_id, results, exit_code(results))


def _planned(prepared: Prepared) -> SyncResult:
    """The result of a sync nobody has started yet."""
    counts = asdict(prepared.counts)
    guard, _, _ = counts.pop("guard"), counts.pop("requests"), counts.pop("mode")
    status: Status = "blocked" if guard else "planned" if prepared.counts.due else "unchanged"
    return SyncResult(status=status, reason=guard, **counts)


def _apply(con: duckdb.DuckDBPyConnection, prepared: Prepared, stamp: Stamp) -> SyncResult:
    """Send one sync and write its line into exports.runs."""
    result = _planned(prepared)
    if result.status == "blocked":
        _log(con, result, result.status, stamp)
        return result
    _log(con, result, "running", stamp)
    ledger.settle(con, prepared, stamp)
    kind, options = prepared.destination.type, prepared.destination.options
    whole = open_set(kind, options, prepared.sync.name)
    if whole is not None:
        result = _send_set(con, prepared, whole, result, stamp)
    elif result.status == "planned":
        rows = open_rows(kind, options, prepared.sync.name)
        assert rows is not None, "a destination type opens as rows or as a set"
        result = _send_rows(con, prepared, rows, result, stamp)
    _log(con, result, result.status, stamp)
    return result


def _send_rows(
    con: duckdb.DuckDBPyConnection,
    prepared: Prepared,
    destination: RowDestination,
    planned: SyncResult,
    stamp: Stamp,
) -> SyncResult:
    """Batch after batch, until all are answered or the destination has stopped."""
    tally = Tally()
    try:
        waiting = deque(batches.cut_batches(con, prepared, destination.batch_size))
        while waiting and not destination.stopped:
            batch = waiting.popleft()
            counted, halves = _send_batch(con, prepared, destination, batch, stamp)
            tally += counted
            waiting.extendleft(reversed(halves))
    finally:
        destination.close()
    return _finished(planned, tally, destination.stopped)


def _send_batch(
    con: duckdb.DuckDBPyConnection, prepared: Prepared, destination: RowDestination, batch: int, stamp: Stamp
) -> tuple[Tally, tuple[int, ...]]:
    """One request; what was counted, and the halves to send instead when it was refused as a whole.

    A bad row among n is found in 2 log2(n) + 1 requests. Nothing is written of such a refusal: the rows stay pending until
    the half they are in is answered, and a kill between the halves leaves each where it is.
    """
    operations, dropped = batches.take(con, prepared, batch, stamp)
    if not operations:
        return Tally(dropped=dropped), ()
    ledger.remember(con, prepared, destination, operations, stamp)
    reach("export.pending")
    results = destination.send(operations)
    reach("export.sent")
    if len(operations) > 1 and all(one.is_whole for one in results) and not destination.stopped:
        return Tally(dropped=dropped), batches.halve(con, prepared, batch)
    tally = ledger.record(con, prepared, operations, results, stamp)
    reach("export.acked")
    return tally + Tally(dropped=dropped), ()


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
            ledger.record_set(con, prepared, problem, stamp)
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
    if stopped or failures:
        status = "partial" if tally.acked else "failed"
    return replace(
        planned,
        status=status,
        reason=stopped
        or (f"{failures} operations were not accepted; they are sent again next run" if failures else None),
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
    with ledger.transaction(con):
        con.execute("delete from exports.runs where sync = $1 and run_id = $2", [result.sync, stamp.run_id])
        con.execute(
            f"insert into exports.runs ({names}) values ({', '.join(f'${name}' for name in line)})", line
        )


def _close_interrupted(con: duckdb.DuckDBPyConnection) -> None:
    """A line that still says running belongs to a run that was killed: only one run is alive at a time."""
    con.execute("update exports.runs set status = 'interrupted' where status = 'running'")
