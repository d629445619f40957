{{ config(materialized='view') }}
-- Grain: one row per node that a probable link joins to its customer: how probable the strongest one is (`match_probability`; null when
-- only others of its group have one), and how sure the node's place is (`confidence`).
-- Records that exact links make one stand or fall together. The largest such group of a customer is sure of itself; another one is as
-- sure as the strongest probable link that holds it.
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
    -- every record of a component that a probable link holds is among them, and nobody else is in doubt
    where node_id in (select node_id from {{ source('identity_fuzzy', 'fuzzy_groups') }})
),

ends as (
    select
        record_a as node_id,
        record_b as other_id,
        match_probability
    from {{ ref('int_identity__fuzzy_kept') }}
    union all
    select
        record_b as node_id,
        record_a as other_id,
        match_probability
    from {{ ref('int_identity__fuzzy_kept') }}
),

probable as (
    select
        ends.node_id,
        max(ends.match_probability) as match_probability
    from ends
    inner join owners on ends.node_id = owners.node_id
    inner join owners as others on ends.other_id = others.node_id and owners.customer_id = others.customer_id
    group by ends.node_id
),

grouped as (
    select
        owners.node_id,
        owners.customer_id,
        groups.exact_group,
        probable.match_probability,
        count(*) over (partition by owners.customer_id, groups.exact_group) as group_size,
        max(probable.match_probability) over (partition by owners.customer_id, groups.exact_group) as held_by
    from {{ source('identity_fuzzy', 'fuzzy_groups') }} as groups
    inner join owners on groups.node_id = owners.node_id
    left join probable on groups.node_id = probable.node_id
),

ranked as (
    select
        *,
        first_value(exact_group) over (partition by customer_id order by group_size desc, exact_group) as main_group
    from grouped
)

select
    node_id,
    match_probability,
    case when exact_group = main_group then 1.0 else held_by end as confidence
from ranked
where held_by is not null
