"""Relations of models that are gone: an audience or sync that was deleted, a source table that left cdp.yml.

The end of each whole build records what the manifest owns; what an earlier build recorded and the manifest no longer owns is
dropped in the same transaction. So nothing that dbt did not make is ever touched: raw, the books and the ledger are not dbt's.
"""

from typing import Any

import duckdb

from cli.warehouse import quoted

# Kept through everything (design: memory tables), should a model of these ever be taken away.
MEMORY = frozenset(
    {
        "registry",
        "overrides",
        "customer_id_history",
        "node_owner_changes",
        "record_node_changes",
        "audience_history",
        "audience_sizes",
        "model_fits",
        "model_runs",
        "rfm_thresholds",
        "decisions",
        "trigger_entries",
    }
)
KINDS = ("model", "seed", "snapshot")


def owned(manifest: Any) -> set[tuple[str, str]]:
    """(schema, name) of every relation that a node of the manifest owns."""
    return {
        (str(node.schema), str(node.alias))
        for node in manifest.nodes.values()
        if str(node.resource_type) in KINDS and node.config.materialized != "ephemeral"
    }


def drop_orphans(con: duckdb.DuckDBPyConnection, now: set[tuple[str, str]]) -> list[str]:
    """Drop what earlier builds made and no model owns any more, and record what is owned; within the caller's transaction."""
    con.execute("create table if not exists ops.relations (schema_name varchar, name varchar)")
    before = set(con.execute("select schema_name, name from ops.relations").fetchall())
    dropped = []
    for schema, name in sorted(before - now):
        if name in MEMORY:
            continue
        found = con.execute(
            "select table_type from information_schema.tables"
            " where table_catalog = current_database() and table_schema = ? and table_name = ?",
            [schema, name],
        ).fetchone()
        if found is not None:
            kind = "view" if found[0] == "VIEW" else "table"
            con.execute(f"drop {kind} {quoted(schema)}.{quoted(name)}")
            dropped.append(f"{schema}.{name}")
    con.execute("delete from ops.relations")
    con.execute(
        "insert into ops.relations select unnest(?::varchar[]), unnest(?::varchar[])",
        [[schema for schema, _ in sorted(now)], [name for _, name in sorted(now)]],
    )
    return dropped
