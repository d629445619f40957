{{ config(materialized='incremental', incremental_strategy='append') }}
-- Grain: one row per identity node whose identifiers or facts may differ from those of the last finished build. It grows
-- over killed builds and is cleared when a build is marked; it runs before the tables it compares with are replaced.
{% set nodes = previous('identity', 'record_nodes') %}
{% set components = previous('identity', 'node_components') %}
with

touched_records as (
    select distinct record_id
    from {{ ref('stg_rows') }}
    where
        load_id in (select load_id from {{ ref('work_loads') }})
        and status = 'loaded'
),

{% if is_incremental() and nodes and components %}
found as (
    select now.node_id
    from {{ ref('stg_record_nodes') }} as now
    inner join touched_records on now.record_id = touched_records.record_id
    union
    select before.node_id
    from {{ nodes }} as before
    inner join touched_records on before.record_id = touched_records.record_id
    union
    select before.node_id
    from {{ components }} as before
    inner join touched_records on before.node_id = touched_records.record_id
    union
    -- few, and cheaper to decide again than to remember which of them are new
    select record_key as node_id
    from {{ source('identity_memory', 'overrides') }}
)
{% else %}
-- a full build replaces everything: nothing needs naming
found as (
    select record_id as node_id from touched_records where false
    union
    select node_id from {{ ref('stg_record_nodes') }} where false
    union
    select record_key as node_id from {{ source('identity_memory', 'overrides') }} where false
)
{% endif %}

select node_id
from found
where node_id is not null
