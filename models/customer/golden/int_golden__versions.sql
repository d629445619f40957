{{ config(materialized='view', schema='customer') }}
-- Grain: one row per version of a contact record of the customers this build decides, with the time that is evidence of a change.
with

versions as (
    select * from {{ ref('stg_contact_versions') }}
),

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
    where {{ is_touched_golden('customer_id') }}
),

stamps as (
    select * from {{ ref('bulk_stamps') }}
),

several as (
    select record_id
    from versions
    where record_id in (select node_id from owners)
    group by record_id
    having count(*) > 1
)

select
    versions.*,
    owners.customer_id,
    case when stamps.stamped_at is null then versions.updated_at end as changed_at,
    several.record_id is not null as has_history
from versions
inner join owners on versions.record_id = owners.node_id
left join several on versions.record_id = several.record_id
left join stamps
    on
        versions.source = stamps.source
        and versions.source_table = stamps.source_table
        and date_trunc('second', versions.updated_at) = stamps.stamped_at
