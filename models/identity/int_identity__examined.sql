-- Grain: one row per link and node it joins, of the customers whose links are tried one by one: those with the most contact
-- records, at least four and at most fifty. Wrong merges make many records; more than a thousand customers nobody looks at.
with

contacts as (
    select
        owners.customer_id,
        count(*) as contacts
    from {{ ref('node_customers') }} as owners
    inner join {{ ref('stg_contacts') }} as people on owners.node_id = people.node_id
    group by owners.customer_id
),

ranked as (
    select
        customer_id,
        row_number() over (order by contacts desc, customer_id) as place
    from contacts
    where contacts between 4 and 50
),

members as (
    select
        owners.customer_id,
        owners.node_id
    from ranked
    inner join {{ ref('node_customers') }} as owners on ranked.customer_id = owners.customer_id
    where ranked.place <= {{ var('identity_bridge_customers') }}
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
        links.record_a || '|' || links.record_b as link_key,
        'fuzzy' as kind,
        members.node_id,
        true as may_go
    from members
    inner join {{ ref('int_identity__fuzzy_kept') }} as links
        on members.node_id = links.record_a or members.node_id = links.record_b
    union all
    -- what somebody joined by hand is not in doubt
    select
        members.customer_id,
        effects.record_key || '|' || effects.other_key as link_key,
        'override' as kind,
        members.node_id,
        false as may_go
    from members
    inner join {{ source('identity_memory', 'override_effects') }} as effects
        on members.node_id = effects.record_key or members.node_id = effects.other_key
    where effects.effect = 'joined'
),

-- a node that one link holds is a leaf: it stands or falls with the link
counted as (
    select
        *,
        count(*) over (partition by customer_id, link_key) as nodes
    from found
)

select
    customer_id,
    link_key,
    kind,
    node_id,
    may_go
from counted
where nodes > 1
