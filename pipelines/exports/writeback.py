"""What we write into records of a source is remembered as a hash: delivered back, it is our word, not the source's.

Data flow: <prefix>_batch, the sync model  ->  exports.written_fields, in the transaction that makes the batch pending
->  the next build: `customer.written_values`, golden record (such a value does not vote)

The moment is the `as_of` of the run, not that of the request: the source's own stamp on what it held before is older, and
on what it took from us younger, whichever clock the run has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from pipelines.exports.schema import quoted, quoted_relation
from pipelines.exports.values import inlined, text


@dataclass(frozen=True)
class WritesBack:
    """The column with the record (source.table:key), and golden field -> column with the value that is written into it."""

    record: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """All columns of the sync model it names."""
        return [self.record, *self.fields.values()]


def remember(
    con: duckdb.DuckDBPyConnection,
    writes_back: WritesBack | None,
    *,
    relation: str,
    key: str,
    batch: str,
    as_of: datetime,
) -> None:
    """Note the values that the operations of `batch` carry; a value noted before keeps its moment."""
    if writes_back is None:
        return
    for name, column in writes_back.fields.items():
        con.execute(
            inlined(
                f"""
            insert into exports.written_fields
            select distinct written.record_id, {text(name)}, written.value_hash, cast($as_of as timestamp)
            from (
                select
                    cast(sync_rows.{quoted(writes_back.record)} as varchar) as record_id,
                    md5({text(name)} || '|' || lower(cast(sync_rows.{quoted(column)} as varchar))) as value_hash
                from {quoted_relation(relation)} as sync_rows
                inner join {batch} as batch on batch.key = cast(sync_rows.{quoted(key)} as varchar)
                where batch.operation <> 'remove'
            ) as written
            anti join exports.written_fields as known
                on known.record_id = written.record_id
                and known.field = {text(name)}
                and known.value_hash = written.value_hash
            where written.record_id is not null and written.value_hash is not null
            """,
                {"as_of": as_of},
            ),
        )
