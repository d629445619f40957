{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per owner or record that something happened to since the last finished build. It grows over killed builds
-- and is cleared when a build is marked; it must run before the tables it compares with are replaced.
-- depends_on: {{ ref('affected_nodes') }}
{% set owners = previous('identity', 'node_customers') %}
{% set nodes = previous('identity', 'record_nodes') %}
{% set slices = previous('customer', 'event_owners') %}
with

touched_records as (
    select distinct record_id
    from {{ ref('stg_rows') }}
    where
        load_id in (select load_id from {{ ref('work_loads') }})
        and status = 'loaded'
),

devices as (
    select device_id from {{ ref('touched_devices') }}
),

{% if is_incremental() and owners and nodes and slices %}
moved_nodes as (
    {{ moved_nodes(owners) }}
),

carried_before as (
    select node_id from {{ nodes }} where record_id in (select record_id from touched_records)
    union
    select record_id as node_id from touched_records
),

carried_now as (
    select node_id from {{ ref('stg_record_nodes') }} where record_id in (select record_id from touched_records)
),

found as (
    select record_id as touch_key from touched_records
    union
    select old_id from moved_nodes
    union
    select new_id from moved_nodes
    union
    select customer_id from {{ owners }} where node_id in (select node_id from carried_before)
    union
    -- their nodes are touched: this build assigned them
    select customer_id from {{ ref('int_identity__assigned') }} where node_id in (select node_id from carried_now)
    union
    select customer_id from {{ slices }} where device_id in (select device_id from devices)
)
{% else %}
-- a full build replaces everything: nothing needs naming
found as (
    select record_id as touch_key from touched_records where false
    union
    select node_id from {{ ref('int_identity__assigned') }} where false
    union
    select node_id from {{ ref('stg_record_nodes') }} where false
    union
    select device_id from devices where false
)
{% endif %}

select touch_key
from found
where touch_key is not null
