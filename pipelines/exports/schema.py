"""Tables of the export ledger in the private warehouse, and quoting of the names that syncs bring.

The ledger holds keys, hashes and answers; a payload is rebuilt from the sync model whenever it is sent and is
never stored. There are no indexes: one run at a time writes, every write is a join over one batch, and
files that are rewritten on erasure copy faster without them.
"""

import duckdb

from pipelines.exports.outbox import take_in

DDL = """
create schema if not exists exports;

-- Grain: one row per (sync, key) that was ever due.
create table if not exists exports.ledger (
    sync varchar not null,
    key varchar not null,
    customer_id varchar,
    state varchar not null check (state in ('pending', 'acked', 'rejected', 'removed')),
    seq bigint not null,
    operation varchar not null check (operation in ('upsert', 'remove')),
    row_hash uuid,           -- of the row last sent; null for a removal
    acked_hash uuid,         -- of the row the destination has accepted; null when it has none
    in_doubt boolean not null,  -- an earlier attempt got no answer: the destination may hold that row
    destination_key varchar,    -- what the destination knows the row by
    idempotency_key uuid not null,
    batch_key varchar,          -- members of one request, kept until it is answered
    reason varchar,
    attempts integer not null,  -- since the last acceptance
    updated_run_id varchar not null,
    updated_at timestamp not null
);

-- Grain: one row per operation (idempotency key) that was handed to a destination.
create table if not exists exports.deliveries (
    sync varchar not null,
    key varchar not null,
    customer_id varchar,
    operation varchar not null,
    status varchar not null check (status in ('pending', 'acked', 'rejected', 'unknown')),
    reason varchar,
    idempotency_key uuid not null,
    consent_record_id varchar,
    run_id varchar not null,
    sent_at timestamp not null
);

-- Grain: one row per sync and run.
create table if not exists exports.runs (
    sync varchar not null,
    run_id varchar not null,
    destination varchar not null,
    purpose varchar not null,
    status varchar not null,    -- running, sent, unchanged, partial, blocked, failed, interrupted (stopped, or killed)
    reason varchar,
    started_at timestamp not null,
    added bigint not null,
    changed bigint not null,
    removed bigint not null,
    retried bigint not null,
    unchanged bigint not null,
    excluded bigint not null,
    exclusions varchar not null,  -- json: reason -> rows
    acked bigint not null,
    rejected bigint not null,
    unanswered bigint not null
);

-- Grain: one row per value that was written into a record of a source, by a destination that is a source too. Committed before
-- the request, so that the value is known when it comes back. field as in marts.golden_fields; value_hash = md5(field | value
-- in lower case): the ledger keeps no payload. Read by the golden record, where such a value does not vote.
create table if not exists exports.written_fields (
    record_id varchar not null, -- source.table:key
    field varchar not null,
    value_hash varchar not null,
    written_at timestamp not null
);

-- Grain: one row per sync whose last plan found nothing to do; see still.py.
create table if not exists exports.still (
    sync varchar not null,
    marks varchar not null,     -- json: what was read -> rows and hash
    counts varchar not null,    -- json: the plan
    since timestamp not null,   -- it is true from here
    until timestamp             -- to here: a grant begins or runs out; null: none does
);

-- Grain: one row per operation that is judged and committed, and not yet taken into the ledger; empty between runs. Its columns
-- are those of the ledger and of the deliveries.
create table if not exists exports.outbox (
    sync varchar not null,
    batch bigint not null,
    key varchar not null,
    customer_id varchar,
    operation varchar not null,
    row_hash uuid,
    row_mark ubigint,
    seq bigint not null,
    destination_key varchar not null,   -- what the destination may know the row by once this has arrived
    contact_point_hash uuid,
    idempotency_key uuid not null,
    is_resend boolean not null,         -- under the key of an earlier attempt
    consent_record_id varchar,
    granted_at timestamp,
    grant_expires_at timestamp,
    purpose varchar not null,
    basis varchar not null,
    judged_at timestamp not null,
    run_id varchar not null,
    sent_at timestamp not null
);

-- Grain: what is known of a batch of the outbox (key null), or of one operation of it; empty between runs.
create table if not exists exports.answers (
    sync varchar not null,
    batch bigint not null,
    key varchar,
    outcome varchar not null,   -- handed (on its way), acked, rejected, pending (no answer), whole (nothing of it was taken)
    reason varchar,
    destination_key varchar,
    is_skipped boolean not null
);
"""

# Columns that came later: (table, column, type, what it is). Old rows have null there.
ADDED = (
    (
        "ledger",
        "contact_point_hash",
        "uuid",
        "of the address the row was sent for; its basis is judged when the row left",
    ),
    ("ledger", "acked_mark", "ubigint", "quick hash of the row the destination has accepted"),
    ("ledger", "is_ours", "boolean", "false: the destination had the row and left it alone; never removed"),
    ("deliveries", "contact_point_hash", "uuid", "of the address the basis was judged for"),
    ("deliveries", "purpose", "varchar", "of the sync when it was sent"),
    ("deliveries", "basis", "varchar", "of the purpose when it was sent"),
    (
        "deliveries",
        "judged_at",
        "timestamp",
        "moment (as_of) at which the basis was judged, with the payload",
    ),
    ("deliveries", "granted_at", "timestamp", "of the consent that let it go"),
    ("deliveries", "grant_expires_at", "timestamp", "of the consent that let it go; null: until withdrawn"),
    ("runs", "mode", "varchar", "of the sync"),
    ("runs", "source_rows", "bigint", "rows of the sync model"),
    ("runs", "deferred", "bigint", "rows that wait: a hold says later"),
    ("runs", "owed", "bigint", "removals that no guard holds back: the person has refused"),
    ("runs", "forced", "varchar", "why a guard was overruled, in the words of whoever did"),
)
# these were hexadecimal texts once, twice to four times as long
HASHES = ("row_hash", "acked_hash", "idempotency_key", "contact_point_hash")


def ensure(con: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing, and take in what a killed run had sent; existing rows stay."""
    con.execute(DDL)
    present = {
        (table, column): kind
        for table, column, kind in con.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_catalog = current_database() and table_schema = 'exports'"
        ).fetchall()
    }
    for table, column, kind, _ in ADDED:
        if (table, column) not in present:
            con.execute(f"alter table exports.{table} add column if not exists {column} {kind}")
    for (table, column), kind in present.items():
        if column in HASHES and kind == "VARCHAR":
            con.execute(
                f"alter table exports.{table} alter column {column} type uuid using cast(left({column}, 32) as uuid)"
            )
    if ("outbox", "batch_key") in present:
        con.execute("alter table exports.outbox drop column batch_key")
    take_in(con)


def quoted(name: str) -> str:
    """One identifier, safe in SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_relation(relation: str) -> str:
    """`schema.table` or `database.schema.table`, each part quoted; parts that are quoted already stay."""
    return ".".join(quoted(part.strip('"')) for part in relation.split("."))


def exists(con: duckdb.DuckDBPyConnection, relation: str) -> bool:
    """Whether a table or view can be read."""
    try:
        con.execute(f"select 1 from {quoted_relation(relation)} limit 0")
    except duckdb.CatalogException:
        return False
    return True
