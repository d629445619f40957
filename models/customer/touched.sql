{{ config(schema='staging') }}
-- Grain: one row per touch_key whose rows this build replaces: owners before and now, and records and devices without one.
with

found as (
    select touch_key from {{ ref('touched_owners') }}
    union
    select device_id as touch_key from {{ ref('touched_devices') }}
    union
    select customer_id as touch_key
    from {{ ref('event_owners') }}
    where device_id in (select device_id from {{ ref('touched_devices') }})
    union
    select touch_key from {{ ref('touched_answers') }}
    union
    -- an answer delivered again has no owner of its own to be named by
    select customer_id as touch_key
    from {{ ref('answer_owners') }}
    where record_id in (select touch_key from {{ ref('touched_owners') }})
)

select touch_key
from found
where touch_key is not null
