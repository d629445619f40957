-- Grain: one row per customer whose links are tried one by one: those with the most contact records, at least four and at most
-- fifty. Wrong merges make many records; more than a thousand customers nobody looks at.
with

contacts as (
    select
        owners.customer_id,
        count(*) as contacts
    from {{ ref('node_customers') }} as owners
    inner join {{ ref('stg_contacts') }} as people on owners.node_id = people.node_id
    -- a customer has no more contacts than nodes: most are left out here
    where owners.cluster_size >= 4
    group by owners.customer_id
),

ranked as (
    select
        customer_id,
        contacts,
        row_number() over (order by contacts desc, customer_id) as place
    from contacts
    where contacts between 4 and 50
)

select
    customer_id,
    contacts
from ranked
where place <= {{ var('identity_bridge_customers') }}
