"""What each sync would do now: the sync model, judged by lawful basis, compared with the ledger.

Data flow: activation.sync_*  -> <prefix>_rows (key, profile, address, row hash)  -> <prefix>_basis (rows that may not go now)
-> <prefix>_plan (one row per key that needs something done)  -> SyncPlan (counts, exclusions, guard, fingerprint)

All of it is set-based and lands in temporary tables, which the sender then works through. Planning changes
neither ledger nor destination.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from pipelines.errors import CdpError
from pipelines.exports import owed, redirects, schema, still
from pipelines.exports.destinations import modes_of, requests_for, writes_full_set
from pipelines.exports.diff import diff_query, stirred_query
from pipelines.exports.fingerprints import Fingerprint, fingerprint
from pipelines.exports.guards import Guard, guards_of, key_guard
from pipelines.exports.lawful import address, basis_query, suspects_query
from pipelines.exports.rows import kinds_of, row_hash, row_mark, sent_columns
from pipelines.exports.schema import quoted, quoted_relation
from pipelines.exports.specs import MIRRORS, WITHDRAWS, DestinationSpec, PurposeSpec, SyncSpec, check
from pipelines.exports.values import inlined

# temporary tables of one sync; the sender adds the last four
PARTS = (
    "rows",
    "basis",
    "ends",
    "absorbed",
    "moves",
    "left",
    "suspects",
    "stirred",
    "hashed",
    "plan",
    "nothing",
    "refused",
    "owed",
    "ops",
    "set",
    "batch",
    "now",
)


@dataclass(frozen=True)
class SyncPlan:
    """Counts of one sync. `guard` says why nothing of it may be sent but the removals that are `owed`; None: all may."""

    sync: str
    destination: str
    purpose: str
    mode: str
    source_rows: int
    added: int
    changed: int
    removed: int
    retried: int
    unchanged: int
    deferred: int
    excluded: int
    exclusions: Mapping[str, int]
    requests: int
    fingerprint: Fingerprint
    guard: Guard | None = None
    owed: int = 0
    deferrals: Mapping[str, int] = field(default_factory=dict)

    @property
    def due(self) -> int:
        """Operations to send."""
        return self.added + self.changed + self.removed + self.retried


@dataclass(frozen=True)
class Prepared:
    """A planned sync with what the sender needs: its temporary tables begin with `prefix`."""

    sync: SyncSpec
    purpose: PurposeSpec
    destination: DestinationSpec
    columns: tuple[str, ...]
    prefix: str
    has_holds: bool
    counts: SyncPlan
    # nothing has changed since a plan that found nothing to do: there are no temporary tables
    is_still: bool = False


def plan(
    con: duckdb.DuckDBPyConnection,
    syncs: Sequence[SyncSpec],
    purposes: Mapping[str, PurposeSpec],
    destinations: Mapping[str, DestinationSpec],
    *,
    as_of: datetime,
) -> list[SyncPlan]:
    """Count what `run_syncs` would do at `as_of`, without doing it.

    Raises UsageError for specs that cannot work, CdpError for a sync model that is not built.
    """
    prepared = prepare(con, syncs, purposes, destinations, as_of=as_of)
    discard(con, prepared)
    return [sync.counts for sync in prepared]


def prepare(
    con: duckdb.DuckDBPyConnection,
    syncs: Sequence[SyncSpec],
    purposes: Mapping[str, PurposeSpec],
    destinations: Mapping[str, DestinationSpec],
    *,
    as_of: datetime,
) -> list[Prepared]:
    """Plan every sync and keep the temporary tables; all guards are evaluated when this returns."""
    check(syncs, purposes, destinations)
    schema.ensure(con)
    for relation in ("marts.consents", "customer.suppressions"):
        if syncs and not schema.exists(con, relation):
            raise CdpError(
                f"exports need {relation} to judge the lawful basis, and it does not exist",
                hint="run `cdp build`",
            )
    columns = [sent_columns(con, sync) for sync in syncs]
    return [
        _prepare(
            con, f"export_{n}", sync, sent, purposes[sync.purpose], destinations[sync.destination], utc(as_of)
        )
        for n, (sync, sent) in enumerate(zip(syncs, columns, strict=True))
    ]


def discard(con: duckdb.DuckDBPyConnection, prepared: Sequence[Prepared]) -> None:
    """Drop the temporary tables."""
    for sync in prepared:
        for part in PARTS:
            con.execute(f"drop table if exists {sync.prefix}_{part}")


def utc(moment: datetime) -> datetime:
    """UTC without a zone, as the warehouse holds it; a naive moment is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _prepare(
    con: duckdb.DuckDBPyConnection,
    prefix: str,
    sync: SyncSpec,
    columns: tuple[str, ...],
    purpose: PurposeSpec,
    destination: DestinationSpec,
    as_of: datetime,
) -> Prepared:
    is_set = writes_full_set(destination.type)
    if not is_set and (known := still.recall(con, sync, purpose, destination, as_of)) is not None:
        return Prepared(sync, purpose, destination, columns, prefix, False, SyncPlan(**known), is_still=True)
    kinds = kinds_of(con, sync)
    point = address(quoted(sync.contact_point)) if sync.contact_point else "cast(null as varchar)"
    con.execute(
        f"""
        create or replace temp table {prefix}_rows as
        select
            cast({quoted(sync.key)} as varchar) as key,
            cast({quoted(sync.customer_id)} as varchar) as customer_id,
            {point} as contact_point,
            {row_mark(sync, columns, kinds)} as row_mark
        from {quoted_relation(sync.relation)}
        """
    )
    redirects.prepare(con, sync, f"{prefix}_rows", prefix)
    rows, held_back = key_guard(con, sync, prefix)
    if held_back:
        # a diff by key means nothing here, and a join would multiply rows
        con.execute(f"delete from {prefix}_rows")
    has_holds = schema.exists(con, "customer.send_holds")
    excluded = _judge(con, prefix, sync, purpose, as_of, has_holds=has_holds)
    can_remove = is_set or bool(set(MIRRORS) & set(modes_of(destination.type)))
    if not is_set:
        con.execute(
            inlined(
                f"create or replace temp table {prefix}_stirred as {stirred_query(prefix, sync.mode)}",
                {"sync": sync.name},
            ),
        )
    key = f"cast(sent.{quoted(sync.key)} as varchar)"
    con.execute(
        f"""
        create or replace temp table {prefix}_hashed as
        with

        chosen as (
            select sent.*
            from {quoted_relation(sync.relation)} as sent
            {"" if is_set else f"semi join {prefix}_stirred as stirred on stirred.key = {key}"}
        ),

        -- by itself: the columns of the model may be named as ours
        hashed as (
            select {key} as key, {row_hash(sync, columns, kinds)} as row_hash from chosen as sent
        )

        select found.*, hashed.row_hash
        from hashed
        inner join {prefix}_rows as found on found.key = hashed.key
        """
    )
    diff = diff_query(prefix, sync.mode, is_set=is_set, can_remove=can_remove)
    con.execute(inlined(f"create or replace temp table {prefix}_plan as {diff}", {"sync": sync.name}))
    guard = held_back or guards_of(con, sync, prefix, rows)
    due = 0
    if guard and not is_set:
        due = owed.prepare(con, sync, purpose, prefix, as_of, can_remove=can_remove)
    counts = _counts(con, sync, purpose, destination, prefix, rows, excluded, guard, due)
    return Prepared(sync, purpose, destination, columns, prefix, has_holds, counts)


def _judge(
    con: duckdb.DuckDBPyConnection,
    prefix: str,
    sync: SyncSpec,
    purpose: PurposeSpec,
    as_of: datetime,
    *,
    has_holds: bool,
) -> dict[str, int]:
    """Make `<prefix>_basis`: keys that may not be sent now, of the model and, where that can matter, of the ledger.

    Returns the rows of the model that are excluded, by reason.
    """

    def judged(rows: str, *, has_point: bool) -> str:
        return basis_query(
            rows,
            purpose,
            has_point=has_point,
            has_holds=has_holds,
            audience=sync.audience,
            stopped_only=True,
        )

    at = {"as_of": as_of}
    has_point = sync.contact_point is not None
    con.execute(
        inlined(
            f"create or replace temp table {prefix}_suspects as "
            + suspects_query(f"{prefix}_rows", purpose, has_point=has_point, has_holds=has_holds),
            at,
        ),
    )
    con.execute(
        inlined(
            f"create or replace temp table {prefix}_basis as {judged(f'{prefix}_suspects', has_point=has_point)}",
            at,
        ),
    )
    exclusions: dict[str, int] = dict(
        con.execute(
            f"select reason, count(*) from {prefix}_basis where reason is not null group by all order by all"
        ).fetchall()
    )
    if sync.mode in WITHDRAWS and sync.mode not in MIRRORS:
        # they stay at the destination only as long as they have a basis, in the model or not
        owed.judge_left(
            con,
            sync,
            purpose,
            prefix,
            as_of,
            beside=f"{prefix}_rows",
            into=f"{prefix}_basis",
            has_holds=has_holds,
        )
    return exclusions


def _counts(
    con: duckdb.DuckDBPyConnection,
    sync: SyncSpec,
    purpose: PurposeSpec,
    destination: DestinationSpec,
    prefix: str,
    rows: int,
    exclusions: dict[str, int],
    guard: Guard | None,
    due: int,
) -> SyncPlan:
    actions: dict[tuple[str, bool], int] = {
        (action, wanted): count
        for action, wanted, count in con.execute(
            f"select action, is_wanted, count(*) from {prefix}_plan group by all"
        ).fetchall()
    }

    def of(action: str) -> int:
        return actions.get((action, True), 0) + actions.get((action, False), 0)

    has_keys = guard is None or guard.can_force
    if not has_keys:
        actions, exclusions = {}, {}
    excluded = sum(exclusions.values())
    wanted = rows - excluded if has_keys else 0
    waiting = ("added", "changed", "retry", "deferred")
    added, changed, removed, retried = of("added"), of("changed"), of("removed"), of("retry")
    return SyncPlan(
        sync=sync.name,
        destination=destination.name,
        purpose=sync.purpose,
        mode=sync.mode,
        source_rows=rows,
        added=added,
        changed=changed,
        removed=removed,
        retried=retried,
        # rows of the model that are where they should be; the plan holds the others
        unchanged=wanted - sum(actions.get((action, True), 0) for action in waiting),
        deferred=of("deferred"),
        excluded=excluded,
        exclusions=exclusions,
        requests=requests_for(destination.type, destination.options, added + changed + removed + retried),
        fingerprint=fingerprint(con, sync, purpose, destination, prefix, has_owed=due > 0),
        guard=guard,
        owed=due,
        deferrals=_deferrals(con, prefix) if of("deferred") else {},
    )


def _deferrals(con: duckdb.DuckDBPyConnection, prefix: str) -> dict[str, int]:
    """Why rows wait, by the first hold of each: reason -> rows."""
    return dict(
        con.execute(
            f"select deferred, count(*) from {prefix}_plan where action = 'deferred' group by all order by all"
        ).fetchall()
    )
