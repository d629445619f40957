{{ config(materialized='ephemeral') }}
-- Grain: one row per identity node (an edge to itself) and per link between two nodes: a value both carry, an override, or the
-- probability that they are one person.
-- A star to the smallest holder joins the same people as all pairs would, with one edge per holder. On an incremental
-- build only affected nodes: all holders of what links one of them are among them.
with

linking as (
    select
        node_id,
        value_key
    from {{ ref('int_identity__linking') }}
    where {{ is_affected('node_id') }}
),

people as (
    select node_id from {{ ref('stg_contacts') }} where {{ is_affected('node_id') }}
    union
    select node_id from {{ ref('node_values') }} where {{ is_affected('node_id') }}
),

centres as (
    select
        value_key,
        min(node_id) as centre_id
    from linking
    group by value_key
    having count(*) > 1
),

overrides as (
    select
        effects.record_key as node_a,
        effects.other_key as node_b
    from {{ source('identity_memory', 'override_effects') }} as effects
    where
        effects.effect = 'joined'
        and effects.record_key in (select node_id from people)
        and effects.other_key in (select node_id from people)
),

probable as (
    select
        record_a as node_a,
        record_b as node_b
    from {{ ref('int_identity__fuzzy_links') }}
    where is_link and {{ is_affected('record_a') }}
),

edges as (
    select
        linking.node_id as node_a,
        centres.centre_id as node_b
    from linking
    inner join centres on linking.value_key = centres.value_key
    where linking.node_id <> centres.centre_id
    union all
    select
        node_a,
        node_b
    from overrides
    union all
    select
        node_a,
        node_b
    from probable
    union all
    select
        node_id as node_a,
        node_id as node_b
    from people
)

select * from edges
