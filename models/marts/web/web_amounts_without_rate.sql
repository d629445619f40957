{{ config(materialized='view') }}
-- Grain: one row per web act with an amount or a price in a currency that has no rate on its day: what it is worth is not known.
select
    record_id,
    customer_id,
    source,
    occurred_on,
    action,
    currency,
    amount,
    price
from {{ ref('int_web__worth') }}
where rate is null and (amount is not null or price is not null)
