"""Guards: what holds a whole sync back, because it is more often a broken build than a wish.

On by default: null or repeated keys, an empty model, many removals at once, a model that has shrunk to half, an audience out of
its declared limits (who left it would be removed, though it is the list that is doubted). They are all evaluated before the
first request of any sync. Whoever knows better overrules one with a reason (`--force`), except that of the keys: without a key
there is no telling which row is meant. No guard holds back what is owed to whoever refused: see `owed`.
"""

from dataclasses import dataclass

import duckdb

from pipelines.exports.schema import exists
from pipelines.exports.specs import SyncSpec
from pipelines.exports.values import inlined

HISTORY_RUNS = 7


@dataclass(frozen=True)
class Guard:
    """Why a sync is held back."""

    reason: str
    can_force: bool = True

    def __str__(self) -> str:
        return self.reason


def key_guard(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str) -> tuple[int, Guard | None]:
    """Rows of the model, and what is wrong with their keys."""
    rows, nulls, keys = con.execute(
        f"select count(*), count(*) filter (where key is null), count(distinct key) from {prefix}_rows"
    ).fetchall()[0]
    if nulls:
        return rows, Guard(f"{nulls} rows of {sync.relation} have no {sync.key}", can_force=False)
    if keys < rows:
        return rows, Guard(f"{rows - keys} rows of {sync.relation} repeat a {sync.key}", can_force=False)
    return rows, None


def guards_of(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str, rows: int) -> Guard | None:
    """Everything that is unusual about the volume of a sync, in one text."""
    held = con.execute(
        inlined(
            """
        select count(*) from exports.ledger
        where
            sync = $sync
            and state <> 'removed'
            and (acked_hash is not null or in_doubt or state = 'pending')
        """,
            {"sync": sync.name},
        ),
    ).fetchall()[0][0]
    found = [_audience(con, sync), _deletes(con, sync, prefix, held)]
    if sync.mode != "append":
        # a quiet day has no events; nothing is ever taken back for it
        found += [_empty(sync, rows, held), _drop(con, sync, rows)]
    told = "; ".join(one for one in found if one)
    return Guard(told) if told else None


def _audience(con: duckdb.DuckDBPyConnection, sync: SyncSpec) -> str | None:
    if sync.audience is None or not exists(con, "marts.audience_guards"):
        return None
    found = con.execute(
        inlined(
            "select guard, members from marts.audience_guards where audience = $audience and guard <> 'ok'",
            {"audience": sync.audience},
        ),
    ).fetchone()
    return f"audience {sync.audience} ({found[1]} members): {found[0]}" if found else None


def _empty(sync: SyncSpec, rows: int, held: int) -> str | None:
    if rows or not held or sync.guards.allow_empty:
        return None
    return f"{sync.relation} is empty while the destination holds {held} rows"


def _deletes(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str, held: int) -> str | None:
    removed = con.execute(
        f"""
        select count(*) from {prefix}_plan
        where may_hold and not is_wanted and action in ('removed', 'retry')
        """
    ).fetchall()[0][0]
    limits = sync.guards
    if removed * 100 <= limits.max_delete_percent * held or removed <= limits.max_delete_rows:
        return None
    return (
        f"{removed} of {held} rows would be removed, over {limits.max_delete_percent:g} % "
        f"and over {limits.max_delete_rows} rows"
    )


def _drop(con: duckdb.DuckDBPyConnection, sync: SyncSpec, rows: int) -> str | None:
    """Against the median of the last runs that were let through: what a guard held back teaches nothing."""
    median = con.execute(
        inlined(
            f"""
        with

        last_runs as (
            select source_rows
            from exports.runs
            where sync = $sync and status <> 'blocked' and source_rows is not null
            order by started_at desc, run_id desc
            limit {HISTORY_RUNS}
        )

        select median(source_rows) from last_runs
        """,
            {"sync": sync.name},
        ),
    ).fetchall()[0][0]
    limits = sync.guards
    if not rows or median is None or median - rows <= limits.max_drop_rows:
        return None
    if (median - rows) * 100 <= limits.max_drop_percent * median:
        return None
    return (
        f"{sync.relation} has {rows} rows, over {limits.max_drop_percent:g} % fewer than the {median:g} of the "
        f"last {HISTORY_RUNS} runs (median)"
    )
