-- Fails for every customer_id that identity knows and customer_360 does not, or the other way round.
with

identified as (
    select distinct customer_id from {{ ref('node_customers') }}
),

shown as (
    select customer_id from {{ ref('customer_360') }}
)

select
    identified.customer_id as identified_id,
    shown.customer_id as shown_id
from identified
full outer join shown on identified.customer_id = shown.customer_id
where identified.customer_id is null or shown.customer_id is null
