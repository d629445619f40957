{{ config(schema='marts') }}
-- Grain: one row per pair of customers that links would join and a constraint keeps apart.
select
    least(customer_a, customer_b) as customer_id,
    greatest(customer_a, customer_b) as other_customer_id,
    reason,
    link as strongest_link,
    links
from {{ ref('review_queue') }}
where item = 'cut' and place = 1
