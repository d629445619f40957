{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per customer whose golden record this build decides anew. Beside the touched ones: those of records whose time of
-- change became a bulk stamp or ceased to be one, those of records we wrote to, and all who may compete with them for an
-- address. It grows over killed builds and is cleared when a build is marked; it runs before what it compares with is replaced.
-- depends_on: {{ ref('int_golden__stamps') }} {{ ref('stg_contact_versions') }} {{ ref('node_clusters') }}
-- depends_on: {{ ref('node_customers') }} {{ ref('touched_profiles') }} {{ source('exports_memory', 'written_fields') }}
{% set stamps = previous('customer', 'bulk_stamps') %}
{% set written = previous('customer', 'written_values') %}
{% if flags.FULL_REFRESH %}
-- a full build replaces everything: nothing needs naming
select touch_key
from {{ ref('touched_profiles') }}
where false
{% elif not stamps or not written %}
-- tables made for the first time without --full-refresh, as plain dbt does
select distinct customer_id as touch_key
from {{ ref('node_customers') }}
{% else %}
with

stamps_now as (
    select * from {{ ref('int_golden__stamps') }}
),

stamps_before as (
    select * from {{ stamps }}
),

flipped as (
    select
        coalesce(stamps_now.source, stamps_before.source) as source,
        coalesce(stamps_now.source_table, stamps_before.source_table) as source_table,
        coalesce(stamps_now.stamped_at, stamps_before.stamped_at) as stamped_at
    from stamps_now
    full join stamps_before
        on
            stamps_now.source = stamps_before.source
            and stamps_now.source_table = stamps_before.source_table
            and stamps_now.stamped_at = stamps_before.stamped_at
    where stamps_now.source is null or stamps_before.source is null
),

records as (
    select versions.record_id
    from {{ ref('stg_contact_versions') }} as versions
    inner join flipped
        on
            versions.source = flipped.source
            and versions.source_table = flipped.source_table
            and date_trunc('second', versions.updated_at) = flipped.stamped_at
    union
    select fields.record_id
    from {{ source('exports_memory', 'written_fields') }} as fields
    left join {{ written }} as known
        on
            fields.record_id = known.record_id
            and fields.field = known.field
            and fields.value_hash = known.value_hash
            and fields.written_at = known.written_at
    where known.record_id is null
),

owners as (
    select
        owned.node_id,
        owned.customer_id,
        clusters.component
    from {{ ref('node_customers') }} as owned
    inner join {{ ref('node_clusters') }} as clusters on owned.node_id = clusters.node_id
),

found as (
    select touch_key from {{ ref('touched_profiles') }}
    union
    select owners.customer_id as touch_key
    from owners
    inner join records on owners.node_id = records.record_id
),

-- several people in one component may hold one address: one of them is not decided without the others
shared as (
    select component
    from owners
    group by component
    having min(customer_id) <> max(customer_id)
),

rivals as (
    select distinct owners.component
    from owners
    inner join shared on owners.component = shared.component
    inner join found on owners.customer_id = found.touch_key
),

final as (
    select touch_key from found
    union
    select owners.customer_id as touch_key
    from owners
    inner join rivals on owners.component = rivals.component
)

select * from final
{% endif %}
