{{ config(materialized='view', schema='customer') }}
-- Grain: one row per node and address or telephone of it at which a message bounced for good, whoever it was written to.
with

stops as (
    select
        node_id,
        email,
        phone,
        occurred_at
    from {{ ref('stg_messages') }}
    where kind = 'bounced' and is_hard_bounce and node_id is not null
),

hit as (
    select
        carried.value_key,
        min(stops.occurred_at) as since
    from stops
    inner join {{ ref('node_values') }} as carried on stops.node_id = carried.node_id
    where
        (carried.identifier_type = 'email' and carried.identifier_value = stops.email)
        or (carried.identifier_type = 'phone' and carried.identifier_value = stops.phone)
    group by carried.value_key
)

select
    holders.node_id,
    holders.identifier_type as field,
    holders.identifier_value as value,
    min(hit.since) as since
from hit
inner join {{ ref('node_values') }} as holders on hit.value_key = holders.value_key
group by holders.node_id, holders.identifier_type, holders.identifier_value
