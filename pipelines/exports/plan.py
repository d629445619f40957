"""What each sync would do now: the sync model, judged by lawful basis, compared with the ledger.

Data flow: activation.sync_*  -> <prefix>_rows (key, profile, address, row hash)  -> <prefix>_basis
-> <prefix>_plan (one row per key with its action)  -> SyncPlan (counts, exclusions, guard)

All of it is set-based and lands in temporary tables, which the sender then works through. Planning changes
neither ledger nor destination.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from pipelines.errors import CdpError
from pipelines.exports import redirects, schema
from pipelines.exports.destinations import requests_for, writes_full_set
from pipelines.exports.diff import diff_query
from pipelines.exports.guards import key_guard, volume_guard
from pipelines.exports.lawful import address, basis_query
from pipelines.exports.rows import row_hash, sent_columns
from pipelines.exports.schema import quoted, quoted_relation
from pipelines.exports.specs import DestinationSpec, PurposeSpec, SyncSpec, check

# temporary tables of one sync; the sender adds the last five
PARTS = ("rows", "basis", "absorbed", "moves", "plan", "ops", "set", "batch", "now", "answers")


@dataclass(frozen=True)
class SyncPlan:
    """Counts of one sync. `guard` says why nothing of it may be sent; None: it may."""

    sync: str
    destination: str
    purpose: str
    mode: str
    added: int
    changed: int
    removed: int
    retried: int
    unchanged: int
    excluded: int
    exclusions: Mapping[str, int]
    requests: int
    guard: str | None = None

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
    counts: SyncPlan


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
            con, f"export_{n}", sync, sent, purposes[sync.purpose], destinations[sync.destination], as_of
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
    point = address(quoted(sync.contact_point)) if sync.contact_point else "cast(null as varchar)"
    con.execute(
        f"""
        create or replace temp table {prefix}_rows as
        select
            cast({quoted(sync.key)} as varchar) as key,
            cast({quoted(sync.customer_id)} as varchar) as customer_id,
            {point} as contact_point,
            {row_hash(sync, columns)} as row_hash
        from {quoted_relation(sync.relation)}
        """
    )
    redirects.prepare(con, sync, f"{prefix}_rows", prefix)
    held_back = key_guard(con, sync, prefix)
    if held_back:
        # a diff by key means nothing here, and a join would multiply rows
        con.execute(f"delete from {prefix}_rows")
    con.execute(
        f"create or replace temp table {prefix}_basis as "
        + basis_query(f"{prefix}_rows", purpose, has_point=sync.contact_point is not None),
        {"as_of": utc(as_of)},
    )
    mirrors = sync.mode == "mirror" or writes_full_set(destination.type)
    con.execute(
        f"create or replace temp table {prefix}_plan as {diff_query(prefix, mirrors=mirrors)}",
        {"sync": sync.name},
    )
    counts = _counts(con, sync, destination, prefix, held_back)
    return Prepared(sync, purpose, destination, columns, prefix, counts)


def _counts(
    con: duckdb.DuckDBPyConnection,
    sync: SyncSpec,
    destination: DestinationSpec,
    prefix: str,
    held_back: str | None,
) -> SyncPlan:
    actions: dict[str, int] = dict(
        con.execute(f"select action, count(*) from {prefix}_plan group by action").fetchall()
    )
    exclusions: dict[str, int] = dict(
        con.execute(
            f"select reason, count(*) from {prefix}_basis where reason is not null group by all order by all"
        ).fetchall()
    )
    if held_back:
        actions, exclusions = {}, {}
    numbers: dict[str, Any] = {
        "added": actions.get("added", 0),
        "changed": actions.get("changed", 0),
        "removed": actions.get("removed", 0),
        "retried": actions.get("retry", 0),
        "unchanged": actions.get("unchanged", 0) + actions.get("settled", 0),
        "excluded": sum(exclusions.values()),
    }
    due = numbers["added"] + numbers["changed"] + numbers["removed"] + numbers["retried"]
    return SyncPlan(
        sync=sync.name,
        destination=destination.name,
        purpose=sync.purpose,
        mode=sync.mode,
        exclusions=exclusions,
        requests=requests_for(destination.type, destination.options, due),
        guard=held_back or volume_guard(con, sync, prefix),
        **numbers,
    )
