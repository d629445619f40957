{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select customer_id from staging.touched_bridges',
) }}
-- Grain: one row per link and node it joins, of the customers whose links are tried one by one.
-- depends_on: {{ ref('touched_bridges') }}
with

members as (
    select
        owners.customer_id,
        owners.node_id
    from {{ ref('int_identity__most_contacts') }} as tried
    inner join {{ ref('node_customers') }} as owners on tried.customer_id = owners.customer_id
    {% if is_incremental() %}
    where tried.customer_id in (select customer_id from {{ ref('touched_bridges') }})
    {% endif %}
),

-- each pair from both its ends: one equality a join, since either-or would compare every pair with every node
pairs as (
    {% for end in ['record_a', 'record_b'] %}
    select
        {{ end }} as node_id,
        record_a,
        record_b,
        'fuzzy' as kind,
        true as may_go
    from {{ ref('int_identity__fuzzy_kept') }}
    union all
    {% endfor %}
    -- what somebody joined by hand is not in doubt
    {% for end in ['record_key', 'other_key'] %}
    select
        {{ end }} as node_id,
        record_key as record_a,
        other_key as record_b,
        'override' as kind,
        false as may_go
    from {{ source('identity_memory', 'override_effects') }}
    where effect = 'joined'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

found as (
    select
        members.customer_id,
        linking.value_key as link_key,
        linking.identifier_type as kind,
        linking.node_id,
        true as may_go
    from members
    inner join {{ ref('int_identity__linking') }} as linking on members.node_id = linking.node_id
    union all
    select
        members.customer_id,
        pairs.record_a || '|' || pairs.record_b as link_key,
        pairs.kind,
        members.node_id,
        pairs.may_go
    from pairs
    inner join members on pairs.node_id = members.node_id
),

-- a link that joins no two nodes of this customer holds nothing together
counted as (
    select
        *,
        count(*) over (partition by customer_id, link_key) as nodes
    from found
),

held as (
    select * from counted where nodes > 1
),

-- nothing falls apart without a link whose nodes another link joins as well
covered as (
    select distinct
        customer_id,
        link_key
    from (
        select
            ours.customer_id,
            ours.link_key
        from held as ours
        inner join held as others
            on
                ours.customer_id = others.customer_id
                and ours.node_id = others.node_id
                and ours.link_key <> others.link_key
        group by ours.customer_id, ours.link_key, others.link_key, ours.nodes
        having count(*) = ours.nodes
    ) as doubled
)

select
    held.customer_id,
    held.link_key,
    held.kind,
    held.node_id,
    held.may_go and covered.link_key is null as may_go
from held
left join covered on held.customer_id = covered.customer_id and held.link_key = covered.link_key
