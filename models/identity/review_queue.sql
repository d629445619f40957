-- Grain: one row per thing that a person should look at: each link that was not used, because it would have put into one person
-- what cannot be one, and the strongest pair of records of two customers who are only probably one person, where no link is cut.
-- `place` is 1 for the strongest link of a pair of customers.
with

doubts as (
    select
        record_a,
        record_b,
        match_probability,
        match_weight
    from {{ ref('int_identity__fuzzy_links') }}
    where not is_link
),

-- whose the few records are that are spoken of: looked up once, where each end by itself would read everybody
owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
    where node_id in (
        select node_a from {{ ref('skipped_links') }}
        union all
        select node_b from {{ ref('skipped_links') }}
        union all
        select record_a from doubts
        union all
        select record_b from doubts
    )
),

link_values as (
    select
        value_key,
        identifier_value
    from {{ ref('identifier_values') }}
    where value_key in (select value_key from {{ ref('skipped_links') }})
),

skipped as (
    select
        skipped_links.node_a,
        skipped_links.node_b,
        skipped_links.kind,
        skipped_links.reason,
        judged.identifier_value as link_value,
        ours.customer_id as customer_a,
        theirs.customer_id as customer_b,
        cast(coalesce(limits.priority, {{ fuzzy_priority() }}) as double) as priority
    from {{ ref('skipped_links') }} as skipped_links
    inner join owners as ours on skipped_links.node_a = ours.node_id
    inner join owners as theirs on skipped_links.node_b = theirs.node_id
    left join link_values as judged on skipped_links.value_key = judged.value_key
    left join {{ ref('config_identifiers') }} as limits on skipped_links.kind = limits.identifier_type
),

-- what somebody has kept apart needs no second look
decided as (
    select distinct
        ours.record_key as record_a,
        theirs.record_key as record_b
    from {{ source('identity_memory', 'override_effects') }} as ours
    inner join {{ source('identity_memory', 'override_effects') }} as theirs
        on ours.override_id = theirs.override_id and ours.side <> theirs.side
    where ours.effect = 'apart' and theirs.effect = 'apart'
),

doubtful as (
    select
        links.record_a as node_a,
        links.record_b as node_b,
        'fuzzy' as kind,
        'probably one person: ' || cast(round(links.match_probability, 3) as {{ sql_type('string') }}) as reason,
        cast(null as {{ sql_type('string') }}) as link_value,
        ours.customer_id as customer_a,
        theirs.customer_id as customer_b,
        {{ fuzzy_priority() }} - links.match_weight as priority
    from doubts as links
    inner join owners as ours on links.record_a = ours.node_id
    inner join owners as theirs on links.record_b = theirs.node_id
    left join decided on links.record_a = decided.record_a and links.record_b = decided.record_b
    where ours.customer_id <> theirs.customer_id and decided.record_a is null
),

items as (
    select
        'cut' as item,
        1 as item_rank,
        *
    from skipped
    union all
    select
        'pair' as item,
        2 as item_rank,
        *
    from doubtful
),

ranked as (
    select
        *,
        count(*) over (partition by least(customer_a, customer_b), greatest(customer_a, customer_b)) as links,
        row_number() over (
            partition by least(customer_a, customer_b), greatest(customer_a, customer_b)
            order by item_rank, priority, node_a, node_b, link_value
        ) as place
    from items
)

select
    item,
    node_a as record_a,
    node_b as record_b,
    customer_a,
    customer_b,
    kind as link,
    link_value,
    reason,
    cast(links as bigint) as links,
    cast(place as bigint) as place
from ranked
where item = 'cut' or place = 1
