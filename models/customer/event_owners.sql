{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='device_id',
    touched_sql='select device_id from staging.touched_devices',
) }}
-- Grain: one row per event: who it belongs to. Devices never link people; they are sliced by logins:
-- an event with its own identifiers follows them, else the last login at or before it, before the first login the first
-- one's person, with no login nobody (an anonymous profile). Its place on the device, whether it is part of a visit and what
-- the person did are told here, where each event is read anyway: sessions need no second look at all of them.
-- depends_on: {{ ref('touched_owners') }} {{ ref('touched_devices') }}
with

own_names as (
    select
        word as event_name,
        meaning as action
    from {{ ref('config_web_words') }}
    where kind = 'event'
),

names as (
    select
        event_name,
        action,
        true as is_own
    from own_names
    union all
    select
        event_name,
        action,
        false as is_own
    from {{ ref('web_events') }}
    where event_name not in (select event_name from own_names)
),

events as (
    select
        record_id,
        message_id,
        occurred_at,
        {{ device_of() }} as device_id,
        node_id,
        type,
        {{ event_word('event_name') }} as event_word,
        -- a fact that a server reports (a coupon redeemed at a till) is no visit: somebody must have been on a page,
        -- a screen or a device, or the tracker itself must speak of a session
        coalesce(
            type in ('page', 'screen')
            or (type = 'track' and coalesce(anonymous_id, session_id, page_url, page_path) is not null),
            false
        ) as is_visit
    from {{ ref('stg_events') }}
),

touched as (
    select *
    from events
    {% if is_incremental() %}
    where device_id in (select device_id from {{ ref('touched_devices') }})
    {% endif %}
),

known as (
    select
        touched.record_id,
        touched.message_id,
        touched.occurred_at,
        touched.device_id,
        touched.is_visit,
        touched.is_visit and touched.type <> 'track' as is_page,
        -- the title of a page is not the name of an act, unless cdp.yml says so
        case when names.is_own or touched.type = 'track' then nullif(names.action, 'ignored') end as action,
        owners.customer_id as login_id
    from touched
    left join {{ ref('node_customers') }} as owners on touched.node_id = owners.node_id
    left join names on touched.event_word = names.event_name
),

sliced as (
    select
        record_id,
        device_id,
        occurred_at,
        is_visit,
        is_page,
        action,
        login_id,
        row_number() over (partition by device_id order by occurred_at, message_id, record_id) as event_no,
        -- ties in time are broken by message id, then record id, so that late and shuffled loads give the same slices
        last_value(login_id ignore nulls) over (
            partition by device_id
            order by occurred_at, message_id, record_id
            rows between unbounded preceding and current row
        ) as last_login_id,
        first_value(login_id ignore nulls) over (
            partition by device_id
            order by occurred_at, message_id, record_id
            rows between unbounded preceding and unbounded following
        ) as first_login_id
    from known
)

select
    record_id,
    device_id,
    occurred_at,
    coalesce(login_id, last_login_id, first_login_id) as customer_id,
    login_id is not null as is_login,
    event_no,
    is_visit,
    is_page,
    action
from sliced
