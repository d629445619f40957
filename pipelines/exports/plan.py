"""What each sync would do now: the sync model, judged by lawful basis, compared with the ledger.

Data flow: activation.sync_*  -> <prefix>_rows (key, profile, address, row hash)  -> <prefix>_basis
-> <prefix>_plan (one row per key with its action)  -> SyncPlan (counts, exclusions, guard)

All of it is set-based and lands in temporary tables, which the sender then works through. Planning changes neither
ledger nor destination.

Actions: added, changed, retry (not yet accepted), removed, unchanged; settled and closed are put right in the ledger
without a request; none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from pipelines.errors import CdpError, UsageError
from pipelines.exports import redirects, schema
from pipelines.exports.destinations import requests_for, writes_full_set
from pipelines.exports.lawful import address, basis_query
from pipelines.exports.schema import quoted, quoted_relation, text
from pipelines.exports.specs import DestinationSpec, PurposeSpec, SyncSpec, check


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
                f"exports need {relation} to judge the lawful basis, and it does not exist", hint="run `cdp build`"
            )
    columns = [sent_columns(con, sync) for sync in syncs]
    return [
        _prepare(con, f"export_{n}", sync, sent, purposes[sync.purpose], destinations[sync.destination], as_of)
        for n, (sync, sent) in enumerate(zip(syncs, columns, strict=True))
    ]


def discard(con: duckdb.DuckDBPyConnection, prepared: Sequence[Prepared]) -> None:
    """Drop the temporary tables."""
    for sync in prepared:
        for part in ("rows", "basis", "absorbed", "moves", "plan"):
            con.execute(f"drop table if exists {sync.prefix}_{part}")


def utc(moment: datetime) -> datetime:
    """UTC without a zone, as the warehouse holds it; a naive moment is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def sent_columns(con: duckdb.DuckDBPyConnection, sync: SyncSpec) -> tuple[str, ...]:
    """Columns that are sent, in name order.

    Raises CdpError when the model is not built, UsageError when it lacks a column the spec names.
    """
    try:
        described = con.execute(f"describe {quoted_relation(sync.relation)}").fetchall()
    except duckdb.CatalogException as error:
        raise CdpError(
            f"sync `{sync.name}`: its model {sync.relation} does not exist", hint="run `cdp build`"
        ) from error
    present = [str(column[0]) for column in described]
    named = [sync.key, sync.customer_id, *([sync.contact_point] if sync.contact_point else []), *(sync.columns or ())]
    missing = sorted(set(named) - set(present))
    if missing:
        raise UsageError(
            f"sync `{sync.name}`: {sync.relation} has no column {', '.join(missing)}",
            hint=f"its columns: {', '.join(present)}",
        )
    return tuple(sorted(set(sync.columns) if sync.columns is not None else set(present)))


def row_json(columns: Sequence[str]) -> str:
    """The mapped columns as JSON text: exact decimals, nulls told from empty strings, names included."""
    pairs = ", ".join(f"{text(column)}: {quoted(column)}" for column in columns)
    return f"cast(to_json({{{pairs}}}) as varchar)" if columns else "'{}'"


def row_hash(sync: SyncSpec, columns: Sequence[str]) -> str:
    """Hash of what is sent, without the key: a row that only moved to a merged profile has not changed."""
    return f"md5({row_json(sorted(column for column in columns if column != sync.key))})"


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
    key_guard = _key_guard(con, sync, prefix)
    if key_guard:
        # a diff by key means nothing here, and a join would multiply rows
        con.execute(f"delete from {prefix}_rows")
    con.execute(
        f"create or replace temp table {prefix}_basis as "
        + basis_query(f"{prefix}_rows", purpose, has_point=sync.contact_point is not None),
        {"as_of": utc(as_of)},
    )
    mirrors = sync.mode == "mirror" or writes_full_set(destination.type)
    con.execute(
        f"create or replace temp table {prefix}_plan as {_diff(prefix, mirrors)}", {"sync": sync.name}
    )
    counts = _counts(con, sync, destination, prefix, key_guard)
    return Prepared(sync, purpose, destination, columns, prefix, counts)


def _diff(prefix: str, mirrors: bool) -> str:
    """One row per key of model or ledger, with its action.

    `may_hold` is the fail-safe side of a crash: an operation that got no answer may have arrived.
    """
    return f"""
    with

    held as (
        select
            coalesce(moves.new_key, ledger.key) as key,
            ledger.customer_id,
            ledger.state,
            ledger.seq,
            ledger.operation,
            ledger.row_hash,
            ledger.acked_hash,
            ledger.in_doubt,
            ledger.destination_key,
            ledger.idempotency_key,
            ledger.batch_key,
            absorbed.old_key is not null and moves.old_key is null as is_absorbed
        from exports.ledger as ledger
        left join {prefix}_moves as moves on moves.old_key = ledger.key and ledger.state <> 'removed'
        left join {prefix}_absorbed as absorbed on absorbed.old_key = ledger.key
        where
            ledger.sync = $sync
            -- gives way to the row that moves onto its key
            and not (ledger.state = 'removed' and ledger.key in (select new_key from {prefix}_moves))
    ),

    joined as (
        select
            coalesce(sync_rows.key, held.key) as key,
            coalesce(sync_rows.customer_id, held.customer_id) as customer_id,
            sync_rows.contact_point,
            sync_rows.row_hash,
            sync_rows.key is not null and basis.reason is null as is_wanted,
            basis.reason,
            basis.consent_record_id,
            held.state,
            coalesce(held.seq, 0) as seq,
            held.operation as last_operation,
            held.row_hash as last_hash,
            held.acked_hash,
            coalesce(held.in_doubt, false) as in_doubt,
            held.destination_key,
            held.idempotency_key,
            held.batch_key,
            coalesce(held.acked_hash is not null or held.in_doubt or held.state = 'pending', false) as may_hold,
            {"true" if mirrors else "coalesce(held.is_absorbed, false)"} as may_remove
        from {prefix}_rows as sync_rows
        left join {prefix}_basis as basis on basis.key = sync_rows.key
        full join held on held.key = sync_rows.key
    ),

    final as (
        select
            *,
            case
                when is_wanted and (state is null or state = 'removed') then 'added'
                when is_wanted and state = 'acked' and acked_hash = row_hash then 'unchanged'
                when is_wanted and state = 'acked' then 'changed'
                -- refused for certain, and now back at what the destination holds
                when is_wanted and state = 'rejected' and not in_doubt and acked_hash = row_hash then 'settled'
                when is_wanted then 'retry'
                when state = 'removed' then 'none'
                when not may_hold and state is not null then 'closed'
                when not may_hold or not may_remove then 'none'
                when state in ('pending', 'rejected') and last_operation = 'remove' then 'retry'
                else 'removed'
            end as action
        from joined
    )

    select * from final
    """


def _counts(
    con: duckdb.DuckDBPyConnection, sync: SyncSpec, destination: DestinationSpec, prefix: str, key_guard: str | None
) -> SyncPlan:
    actions: dict[str, int] = dict(
        con.execute(f"select action, count(*) from {prefix}_plan group by action").fetchall()
    )
    exclusions: dict[str, int] = dict(
        con.execute(
            f"select reason, count(*) from {prefix}_basis where reason is not null group by reason order by reason"
        ).fetchall()
    )
    if key_guard:
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
        guard=key_guard or _volume_guard(con, sync, prefix),
        **numbers,
    )


def _key_guard(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str) -> str | None:
    """Null or repeated keys: there is no telling which row is meant."""
    nulls, keys, rows = con.execute(
        f"select count(*) filter (where key is null), count(distinct key), count(key) from {prefix}_rows"
    ).fetchall()[0]
    if nulls:
        return f"{nulls} rows of {sync.relation} have no {sync.key}"
    if keys < rows:
        return f"{rows - keys} rows of {sync.relation} repeat a {sync.key}"
    return None


def _volume_guard(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str) -> str | None:
    """An empty model or a mass removal is more often a broken build than a wish."""
    rows, held, removed = con.execute(
        f"""
        select
            (select count(*) from {prefix}_rows),
            count(*) filter (where may_hold),
            count(*) filter (where may_hold and not is_wanted and action in ('removed', 'retry'))
        from {prefix}_plan
        """
    ).fetchall()[0]
    guards = sync.guards
    if not rows and held and not guards.allow_empty:
        return f"{sync.relation} is empty while the destination holds {held} rows"
    over_share = removed * 100 > guards.max_delete_percent * held
    if over_share and removed > guards.max_delete_rows:
        return (
            f"{removed} of {held} rows would be removed, over {guards.max_delete_percent:g} % "
            f"and over {guards.max_delete_rows} rows"
        )
    return None
