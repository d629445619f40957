{{ config(materialized='view') }}
-- Grain: one row per paid order whose revenue is unknown, with what is missing.
select
    order_key,
    customer_id,
    source,
    ordered_on,
    currency,
    net_amount,
    revenue_missing_because as reason
from {{ ref('orders') }}
where revenue_missing_because is not null
