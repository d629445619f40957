"""What a sync model sends: its columns, as SQL for the payload and for the hash that is compared."""

import hashlib
from collections.abc import Mapping, Sequence

import duckdb

from pipelines.errors import CdpError, UsageError
from pipelines.exports.schema import quoted, quoted_relation
from pipelines.exports.specs import SyncSpec
from pipelines.exports.values import text

PLAIN = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DATE")


def kinds_of(con: duckdb.DuckDBPyConnection, sync: SyncSpec) -> dict[str, str]:
    """Types of the model's columns, as DuckDB names them."""
    described = con.execute(f"describe {quoted_relation(sync.relation)}").fetchall()
    return {str(name): str(kind) for name, kind, *_ in described}


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
        *sync.fill_empty,
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


def row_hash(sync: SyncSpec, columns: Sequence[str], kinds: Mapping[str, str] | None = None) -> str:
    """Hash of what is sent, without the key: a row that only moved to a merged profile has not changed.

    md5 over names and types, the values, and the lengths of texts in bytes (-1 for null), so that no two rows read alike.
    The hash of the same row as JSON takes three times as long.
    """
    sent = sorted(column for column in columns if column != sync.key)
    of = kinds or {}
    named = ";".join(f"{column} {of.get(column, '')}" for column in sent)
    # names and types as a hash of their own: spelled out they would be most of what is hashed
    head = text(hashlib.md5(named.encode(), usedforsecurity=False).hexdigest())
    values = [_value(column, of.get(column, "")) for column in sent]
    lengths = [
        f"coalesce(strlen({one}), -1)"
        for one, name in zip(values, sent, strict=True)
        if not _is_plain(of.get(name))
    ]
    cells = [head, *(f"coalesce({one}, chr(30))" for one in values), *lengths]
    return f"cast(md5(concat_ws(chr(31), {', '.join(cells)})) as uuid)"


def row_mark(sync: SyncSpec, columns: Sequence[str], kinds: Mapping[str, str]) -> str:
    """A quick 64-bit hash of the same: equal marks are equal rows, and most rows need no other hash.

    DuckDB's own hash takes a sixth of an md5 and may differ in its next version, whose marks therefore never equal these: then
    `row_hash` decides, and the ledger gets new marks. It never decides that a row has changed.
    """
    sent = sorted(column for column in columns if column != sync.key)
    named = ";".join([duckdb.__version__, *(f"{column} {kinds.get(column, '')}" for column in sent)])
    return f"hash({', '.join([text(named), *map(quoted, sent)])})"


def _value(column: str, kind: str) -> str:
    """The one text of a value: exact for decimals, JSON for what is nested."""
    if kind == "VARCHAR":
        return quoted(column)
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"cast(to_json({quoted(column)}) as varchar)"
    return f"cast({quoted(column)} as varchar)"


def _is_plain(kind: str | None) -> bool:
    """Numbers, dates and truth: their text has neither a separator nor the mark of a null in it."""
    return kind in PLAIN or str(kind).startswith(("DECIMAL", "TIMESTAMP"))
