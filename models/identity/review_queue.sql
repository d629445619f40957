-- Grain: one row per pair of records that a person should look at: a link that was cut, because using it would have put into one
-- person what cannot be one. The strongest link of each pair of customers stands for them.
with

skipped as (
    select
        skipped_links.node_a,
        skipped_links.node_b,
        skipped_links.kind,
        skipped_links.reason,
        ours.customer_id as customer_a,
        theirs.customer_id as customer_b,
        coalesce(limits.priority, 0) as priority
    from {{ ref('skipped_links') }} as skipped_links
    inner join {{ ref('node_customers') }} as ours on skipped_links.node_a = ours.node_id
    inner join {{ ref('node_customers') }} as theirs on skipped_links.node_b = theirs.node_id
    left join {{ ref('config_identifiers') }} as limits on skipped_links.kind = limits.identifier_type
),

ranked as (
    select
        *,
        count(*) over (partition by least(customer_a, customer_b), greatest(customer_a, customer_b)) as links,
        row_number() over (
            partition by least(customer_a, customer_b), greatest(customer_a, customer_b)
            order by priority, node_a, node_b
        ) as place
    from skipped
)

select
    'cut' as item,
    node_a as record_a,
    node_b as record_b,
    customer_a,
    customer_b,
    kind as link,
    reason,
    cast(links as bigint) as links
from ranked
where place = 1
