{{ config(materialized='view', schema='customer') }}
-- Grain: one row per customer and contact point of theirs that consented with proof (a confirmed mail, a signed form).
with

consents as (
    select
        owners.customer_id,
        owners.node_id,
        consents.email,
        consents.phone
    from {{ ref('stg_consents') }} as consents
    inner join {{ ref('node_customers') }} as owners on consents.node_id = owners.node_id
    where consents.state = 'granted' and consents.proof is not null
)

select
    customer_id,
    'email' as field,
    email as value,
    min(node_id) as node_id
from consents
where email is not null
group by customer_id, email
union all
select
    customer_id,
    'phone' as field,
    phone as value,
    min(node_id) as node_id
from consents
where phone is not null
group by customer_id, phone
