{{ config(materialized='ephemeral') }}
-- Grain: one row per identity node and link it takes part in: a value it carries, an override, or the probability that it and
-- another are one person. A node that nothing can link has a row without a link.
-- On an incremental build only affected nodes: all holders of what links one of them are among them.
with

linking as (
    select
        node_id,
        value_key as link_key
    from {{ ref('int_identity__worked_values') }}
    where is_linking
),

alone as (
    select node_id
    from {{ ref('stg_contacts') }}
    where {{ is_affected('node_id') }} and node_id not in (select node_id from linking)
    union all
    select node_id
    from {{ ref('int_identity__worked_values') }}
    where node_id not in (select node_id from linking)
),

known as (
    select node_id from linking
    union all
    select node_id from alone
),

pairs as (
    select
        effects.record_key as node_a,
        effects.other_key as node_b
    from {{ source('identity_memory', 'override_effects') }} as effects
    where
        effects.effect = 'joined'
        and effects.record_key in (select node_id from known)
        and effects.other_key in (select node_id from known)
    union
    select
        record_a as node_a,
        record_b as node_b
    from {{ ref('int_identity__fuzzy_links') }}
    where is_link and {{ is_affected('record_a') }}
),

links as (
    select
        node_id,
        link_key
    from linking
    union all
    -- no value's key has a bar before its first colon
    select
        node_a as node_id,
        '|' || node_a || '|' || node_b as link_key
    from pairs
    union all
    select
        node_b as node_id,
        '|' || node_a || '|' || node_b as link_key
    from pairs
    union all
    select
        node_id,
        cast(null as {{ sql_type('string') }}) as link_key
    from alone
)

select * from links
