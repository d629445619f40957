"""A few rows of a plan to look at, masked: enough to see that the right kind of row goes, not who it is."""

from typing import Any

import duckdb

from pipelines.exports.plan import Prepared
from pipelines.exports.schema import quoted, quoted_relation
from pipelines.exports.values import text

ACTIONS = ("added", "changed", "removed", "retry")


def samples(con: duckdb.DuckDBPyConnection, prepared: Prepared, rows: int = 2) -> list[dict[str, Any]]:
    """Up to `rows` rows of each action: `{"action", "key", "row"}` with masked values; a removal has no row."""
    if prepared.is_still:
        return []
    relation = quoted_relation(prepared.sync.relation)
    kinds = {str(name): str(kind) for name, kind, *_ in con.execute(f"describe {relation}").fetchall()}
    cells = ", ".join(
        f"{text(column)}: {masked(quoted(column), kinds[column])}" for column in prepared.columns
    )
    key = f"cast(sync_rows.{quoted(prepared.sync.key)} as varchar)"
    found = con.execute(
        f"""
        with

        chosen as (
            select key, action, is_wanted
            from {prepared.prefix}_plan
            where action in {ACTIONS}
            qualify row_number() over (partition by action order by key) <= {rows}
        )

        select
            chosen.action,
            {masked("chosen.key", "VARCHAR")} as key,
            if(chosen.is_wanted, {{{cells}}}, null) as sync_row
        from chosen
        left join {relation} as sync_rows on {key} = chosen.key
        order by chosen.action, chosen.key
        """
    ).fetchall()
    return [{"action": action, "key": masked_key, "row": row} for action, masked_key, row in found]


def masked(column: str, kind: str) -> str:
    """SQL of a value as it may be shown: text by its first character, an address as one, yes and no as they are."""
    if kind == "BOOLEAN":
        return f"cast({column} as varchar)"
    if kind != "VARCHAR":
        return f"if({column} is null, null, '***')"
    return (
        f"case when {column} like '%_@_%' then left({column}, 1) || '***@***'"
        f" when {column} <> '' then left({column}, 1) || '***' else {column} end"
    )
