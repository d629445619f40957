"""What a sync model sends: its columns, as SQL for the payload and for the hash that is compared."""

from collections.abc import Sequence

import duckdb

from pipelines.errors import CdpError, UsageError
from pipelines.exports.schema import quoted, quoted_relation, text
from pipelines.exports.specs import SyncSpec


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
    named = [
        sync.key,
        sync.customer_id,
        *([sync.contact_point] if sync.contact_point else []),
        *(sync.columns or ()),
        *(sync.writes_back.columns if sync.writes_back else []),
    ]
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
