"""Guards: what holds a whole sync back, because it is more often a broken build than a wish."""

import duckdb

from pipelines.exports.specs import SyncSpec


def key_guard(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str) -> str | None:
    """Null or repeated keys: there is no telling which row is meant."""
    nulls, keys, rows = con.execute(
        f"select count(*) filter (where key is null), count(distinct key), count(key) from {prefix}_rows"
    ).fetchall()[0]
    if nulls:
        return f"{nulls} rows of {sync.relation} have no {sync.key}"
    if keys < rows:
        return f"{rows - keys} rows of {sync.relation} repeat a {sync.key}"
    return None


def volume_guard(con: duckdb.DuckDBPyConnection, sync: SyncSpec, prefix: str) -> str | None:
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
