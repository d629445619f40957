{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per identity node whose component may differ from that of the last finished build: touched nodes, holders of
-- values that linked before or link now and are touched, contacts whose probable links changed, and everybody in the components
-- they were in. Nobody else is linked to one of them, so their components can be worked out by themselves.
{% set components = previous('identity', 'node_components') %}
with

{% if is_incremental() and components %}
changed_values as (
    select touched.value_key
    from {{ ref('touched_values') }} as touched
    inner join {{ ref('identifier_values') }} as judged on touched.value_key = judged.value_key
    -- what linked nobody and still links nobody leaves its holders, were they 100,000, where they are
    where not (touched.was_refused and judged.refused_because is not null)
),

reached as (
    select node_id from {{ ref('touched_nodes') }}
    union
    select node_id from {{ ref('node_values') }} where value_key in (select value_key from changed_values)
    union
    select node_id from {{ source('identity_fuzzy', 'fuzzy_touched') }}
    union
    -- a pin that is set or taken back ends or restores links whose pairs did not change
    select pairs.record_b as node_id
    from {{ source('identity_fuzzy', 'fuzzy_pairs') }} as pairs
    inner join {{ ref('touched_nodes') }} as touched on pairs.record_a = touched.node_id
    union
    select pairs.record_a as node_id
    from {{ source('identity_fuzzy', 'fuzzy_pairs') }} as pairs
    inner join {{ ref('touched_nodes') }} as touched on pairs.record_b = touched.node_id
),

found as (
    select node_id from reached
    union
    select node_id
    from {{ components }}
    where component in (
        select known.component
        from {{ components }} as known
        inner join reached on known.node_id = reached.node_id
    )
)
{% else %}
found as (
    select node_id from {{ ref('touched_nodes') }} where false
    union
    select node_id from {{ ref('node_values') }} where false
    union
    select value_key as node_id from {{ ref('touched_values') }} where false
    union
    select value_key as node_id from {{ ref('identifier_values') }} where false
)
{% endif %}

select node_id
from found
