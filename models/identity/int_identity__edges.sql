-- Grain: one row per identity node (an edge to itself) and per link between two nodes that carry one value.
-- A star to the smallest holder joins the same people as all pairs would, with one edge per holder.
with

identifiers as (
    select
        node_id,
        identifier_type || ':' || scope_value || ':' || identifier_value as value_key
    from {{ ref('int_identity__identifiers') }}
    where refused_because is null
),

people as (
    select node_id from {{ ref('stg_contacts') }}
    union
    select node_id from {{ ref('int_identity__identifiers') }}
),

centres as (
    select
        value_key,
        min(node_id) as centre_id
    from identifiers
    group by value_key
    having count(*) > 1
),

edges as (
    select
        identifiers.node_id as node_a,
        centres.centre_id as node_b
    from identifiers
    inner join centres on identifiers.value_key = centres.value_key
    where identifiers.node_id <> centres.centre_id
    union all
    select
        node_id as node_a,
        node_id as node_b
    from people
)

select * from edges
