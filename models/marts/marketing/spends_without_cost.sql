{{ config(materialized='view') }}
-- Grain: one row per record of spend whose cost in the reporting currency is unknown: its currency has no rate on that day.
select
    record_id,
    source,
    spent_on,
    channel,
    campaign_id,
    currency,
    amount
from {{ ref('int_marketing__spends') }}
where cost is null
