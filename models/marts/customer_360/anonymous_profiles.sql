{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='device_id',
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per device on which nobody has ever logged in. Never counted as a customer.
with

events as (
    select
        {{ device_of() }} as device_id,
        source,
        brand,
        anonymous_id,
        occurred_at
    from {{ ref('stg_events') }}
    where anonymous_id is not null and {{ is_touched(device_of()) }}
),

-- all events of a device have an owner as soon as one has
unowned as (
    select device_id
    from {{ ref('event_owners') }}
    where customer_id is null and {{ is_touched('device_id') }}
),

sessions as (
    select
        device_id,
        count(*) filter (where not is_bot) as sessions,
        count(*) filter (where is_bot) as bot_sessions
    from {{ ref('sessions') }}
    where customer_id is null and {{ is_touched('device_id') }}
    group by device_id
),

devices as (
    select
        device_id,
        min(anonymous_id) as anonymous_id,
        min(source) as source,
        min(brand) as brand,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at,
        count(*) as events
    from events
    where device_id in (select device_id from unowned)
    group by device_id
),

final as (
    select
        devices.device_id,
        devices.anonymous_id,
        devices.source,
        devices.brand,
        devices.first_seen_at,
        devices.last_seen_at,
        cast(coalesce(sessions.sessions, 0) as bigint) as sessions,
        cast(coalesce(sessions.bot_sessions, 0) as bigint) as bot_sessions,
        cast(devices.events as bigint) as events
    from devices
    left join sessions on devices.device_id = sessions.device_id
)

select * from final
