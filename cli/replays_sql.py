"""SQL of the generated models about quarantine: what was rejected, what was replayed since, and how each load was counted.

`raw_<source>._cdp_replays` says which row each row of a replay replaces; it travels in the package of the replay.
A correction may be wrong again and be corrected again: `first_*` names the row at the start of such a chain.
"""

from collections.abc import Sequence

from cli.staged import StagedTable

REPLAYS_TABLE = "_cdp_replays"
REPLAYS_COLUMNS = (
    "table_name varchar, file varchar, position bigint,"
    " replaces_load_id varchar, replaces_file varchar, replaces_position bigint,"
    " first_load_id varchar, first_file varchar, first_position bigint,"
    " _cdp_load_seq bigint, _dlt_load_id varchar"
)


def replays_model(staged: Sequence[StagedTable]) -> str:
    """`stg_replays`: which row replaced which, and what became of it. Only judged rows: theirs are complete loads."""
    parts = [
        # distinct: a crash between commit and dlt's bookkeeping can write a package twice
        f"""select distinct
    '{one.source.name}' as source,
    '{one.table.name}' as source_table,
    replays.replaces_load_id,
    replays.replaces_file,
    replays.replaces_position,
    replays.first_load_id,
    replays.first_file,
    replays.first_position,
    judged.load_id as replayed_in,
    judged.file,
    judged.position,
    judged.row_status as status
from {{{{ source('raw_{one.source.name}', '{REPLAYS_TABLE}') }}}} as replays
inner join {{{{ ref('rows_{one.slug}') }}}} as judged
    on
        replays._dlt_load_id = judged.load_id
        and replays.file = judged.file
        and replays.position = judged.position
where replays.table_name = '{one.table.name}'"""
        for one in staged
    ]
    return (
        "{{ config(materialized='table') }}\n-- Grain: one row per quarantined row that was replayed.\n"
        + "\nunion all\n".join(parts)
        + "\n"
    )


def quarantine_rows_model(staged: Sequence[StagedTable]) -> str:
    """`quarantine.rows`: every rejected row with its reason and its text, and the load that replaced it."""
    parts = [
        f"select '{one.source.name}' as source, '{one.table.name}' as source_table, load_id, file, position, record_id,\n"
        f"    row_reason as reason, row_text as raw\nfrom {{{{ ref('rows_{one.slug}') }}}}\nwhere row_status = 'quarantined'"
        for one in staged
    ]
    rejected = "\nunion all\n".join(parts)
    return f"""{{{{ config(materialized='view', schema='quarantine', alias='rows') }}}}
-- Grain: one row per rejected raw row.
with

rejected as (
{rejected}
),

replays as (
    select * from {{{{ ref('stg_replays') }}}}
),

-- a row at the start of a chain of corrections whose last one was taken
corrected as (
    select distinct source, source_table, first_load_id, first_file, first_position
    from replays
    where status <> 'quarantined'
)

select
    rejected.source,
    rejected.source_table,
    rejected.load_id,
    rejected.file,
    rejected.position,
    rejected.record_id,
    rejected.reason,
    rejected.raw,
    replaced.replayed_in,
    corrected.first_load_id is not null as is_corrected
from rejected
left join replays as replaced
    on
        rejected.source = replaced.source
        and rejected.source_table = replaced.source_table
        and rejected.load_id = replaced.replaces_load_id
        and rejected.file = replaced.replaces_file
        and rejected.position = replaced.replaces_position
left join replays as own
    on
        rejected.source = own.source
        and rejected.source_table = own.source_table
        and rejected.load_id = own.replayed_in
        and rejected.file = own.file
        and rejected.position = own.position
left join corrected
    on
        rejected.source = corrected.source
        and rejected.source_table = corrected.source_table
        and coalesce(own.first_load_id, rejected.load_id) = corrected.first_load_id
        and coalesce(own.first_file, rejected.file) = corrected.first_file
        and coalesce(own.first_position, rejected.position) = corrected.first_position
"""


def load_counts_model(staged: Sequence[StagedTable]) -> str:
    """`ops.load_counts`: what the reader counted beside what staging did with it.

    `corrected`: of the quarantined, those whose correction was taken in a later load; they stay counted as quarantined here.
    """
    parts = []
    for one in staged:
        parts.append(
            f"""select
    files.run_id, '{one.source.name}' as source, '{one.table.name}' as table_name, files.load_id, files.load_seq, files.received,
    coalesce(judged.loaded, 0) as loaded, coalesce(judged.duplicates, 0) as duplicates,
    coalesce(judged.quarantined, 0) as quarantined, coalesce(judged.suppressed, 0) as suppressed,
    coalesce(settled.corrected, 0) as corrected,
    files.load_id in (select replayed_in from {{{{ ref('stg_replays') }}}} where source = '{one.source.name}') as is_replay
from (
    select run_id, load_id, load_seq, sum(received) as received
    from (
        select distinct run_id, _dlt_load_id as load_id, _cdp_load_seq as load_seq, file, received
        from {{{{ source('raw_{one.source.name}', '_cdp_files') }}}}
        where table_name = '{one.table.name}'
    ) as once
    where load_id in (select load_id from {{{{ source('raw_{one.source.name}', '_dlt_loads') }}}} where status = 0)
    group by run_id, load_id, load_seq
) as files
left join (
    select
        load_id,
        count(*) filter (where row_status = 'loaded') as loaded,
        count(*) filter (where row_status = 'duplicate') as duplicates,
        count(*) filter (where row_status = 'quarantined') as quarantined,
        count(*) filter (where row_status = 'suppressed') as suppressed
    from {{{{ ref('rows_{one.slug}') }}}}
    group by load_id
) as judged
    on files.load_id = judged.load_id
left join (
    select load_id, count(*) as corrected
    from {{{{ ref('quarantine_rows') }}}}
    where source = '{one.source.name}' and source_table = '{one.table.name}' and is_corrected
    group by load_id
) as settled
    on files.load_id = settled.load_id"""
        )
    return (
        "{{ config(materialized='table', schema='ops') }}\n"
        "-- Grain: one row per run, source, table and load.\n" + "\nunion all\n".join(parts) + "\n"
    )
