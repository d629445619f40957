{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false, schema='staging') }}
-- Grain: one row per record that a decision pins since the last finished build, with whose it was then. It grows over killed builds
-- and is cleared when a build is marked; it runs before the owners it reads are replaced.
-- depends_on: {{ ref('affected_nodes') }} {{ ref('int_identity__assigned') }}
{% set owners = previous('identity', 'node_customers') %}
with

pinned as (
    select
        override_id,
        record_key
    from {{ source('identity_memory', 'override_effects') }}
    where effect = 'pinned'
),

owned_before as (
    {% if owners %}
    select
        node_id,
        customer_id
    from {{ owners }}
    {% else %}
    select
        record_key as node_id,
        record_key as customer_id
    from pinned
    where false
    {% endif %}
)

select
    pinned.override_id,
    pinned.record_key,
    owned_before.customer_id as former_id
from pinned
inner join owned_before on pinned.record_key = owned_before.node_id
