{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per device (or lone tuple of identifiers) whose events or logins changed since the last finished build.
-- depends_on: {{ ref('affected_nodes') }}
{% set owners = previous('identity', 'node_customers') %}
with

events as (
    select
        record_id,
        node_id,
        {{ device_of() }} as device_id
    from {{ ref('stg_events') }}
),

{% if is_incremental() and owners %}
moved_nodes as (
    {{ moved_nodes(owners) }}
),

new_records as (
    select record_id
    from {{ ref('stg_rows') }}
    where
        entity = 'event'
        and status = 'loaded'
        and load_id in (select load_id from {{ ref('work_loads') }})
),

found as (
    select device_id from events where record_id in (select record_id from new_records)
    union
    select device_id from events where node_id in (select node_id from moved_nodes)
)
{% else %}
found as (
    select device_id from events where false
    union
    select node_id from {{ ref('int_identity__assigned') }} where false
    union
    select record_id from {{ ref('stg_rows') }} where false
    union
    select load_id from {{ ref('work_loads') }} where false
)
{% endif %}

select device_id
from found
