{{ config(schema='marts') }}
-- Grain: one row per absorbed customer_id: the id that stands for its people now.
select
    customer_id as old_customer_id,
    winner_id as new_customer_id
from {{ ref('int_identity__live_ids') }}
where customer_id <> winner_id
