{{ config(materialized='view', schema='customer') }}
-- Grain: one row per source table and second that so many versions of contacts carry as their time of change that it cannot be
-- when people changed: an import, a migration. Where a table gives days only, a day may hold many; half of all is too many.
with

stamps as (
    select
        source,
        source_table,
        date_trunc('second', updated_at) as stamped_at,
        count(*) as versions
    from {{ ref('stg_contact_versions') }}
    where updated_at is not null
    group by source, source_table, date_trunc('second', updated_at)
),

tables as (
    select
        source,
        source_table,
        sum(versions) as versions,
        -- whole days of any timezone have one time of day
        count(distinct {{ seconds_between('date_trunc(\'day\', stamped_at)', 'stamped_at') }}) = 1 as tells_days
    from stamps
    group by source, source_table
)

select
    stamps.source,
    stamps.source_table,
    stamps.stamped_at
from stamps
inner join tables on stamps.source = tables.source and stamps.source_table = tables.source_table
where
    stamps.versions >= {{ var('golden_bulk_min_rows') }}
    and stamps.versions > tables.versions
    * case when tables.tells_days then {{ var('golden_bulk_day_share') }} else {{ var('golden_bulk_share') }} end
