{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='coalesce(customer_id, device_id)',
) }}
-- Grain: one row per session: what one owner did on one device without a pause longer than the timeout.
-- A session is not broken at midnight, nor by a login of the person it belonged to anyway; another owner begins a new one.
with

events as (
    select
        record_id,
        message_id,
        source,
        brand,
        anonymous_id,
        lower(event_name) as event_name,
        type,
        channel,
        platform,
        page_url,
        page_path,
        referrer,
        utm_source,
        utm_medium,
        utm_campaign
    from {{ ref('stg_events') }}
    where
        -- a fact that a server reports (a coupon redeemed at a till) is no visit: somebody must have been on a page,
        -- a screen or a device, or the tracker itself must speak of a session
        type in ('page', 'screen')
        or (type = 'track' and coalesce(anonymous_id, session_id, page_url, page_path) is not null)
),

owned as (
    select
        record_id,
        device_id,
        customer_id,
        occurred_at
    from {{ ref('event_owners') }}
    {% if is_incremental() %}
    -- the whole device: whether an event begins a session is told by the one before it, whoever owns that
    where
        device_id in (
            select device_id from {{ ref('event_owners') }} where {{ is_touched('coalesce(customer_id, device_id)') }}
        )
    {% endif %}
),

visits as (
    select
        events.*,
        owned.device_id,
        owned.customer_id,
        owned.occurred_at
    from events
    inner join owned on events.record_id = owned.record_id
),

followed as (
    select
        record_id,
        message_id,
        device_id,
        customer_id,
        occurred_at,
        lag(occurred_at) over (partition by device_id order by occurred_at, message_id, record_id) as previous_at,
        lag(customer_id) over (partition by device_id order by occurred_at, message_id, record_id) as previous_id
    from visits
),

cut as (
    select
        record_id,
        message_id,
        device_id,
        occurred_at,
        case
            when previous_at is null then 1
            when {{ seconds_between('previous_at', 'occurred_at') }} > {{ var('session_timeout_minutes') }} * 60 then 1
            when (previous_id is distinct from customer_id) then 1
            else 0
        end as is_start
    from followed
),

numbered as (
    select
        record_id,
        message_id,
        device_id,
        occurred_at,
        sum(is_start) over (
            partition by device_id order by occurred_at, message_id, record_id
            rows between unbounded preceding and current row
        ) as session_no
    from cut
),

placed as (
    select
        record_id,
        session_no,
        row_number() over (
            partition by device_id, session_no order by occurred_at, message_id, record_id
        ) as position
    from numbered
),

summed as (
    select
        visits.device_id,
        placed.session_no,
        max(visits.customer_id) as customer_id,
        max(visits.anonymous_id) as anonymous_id,
        max(visits.source) as source,
        max(visits.brand) as brand,
        min(visits.occurred_at) as started_at,
        max(visits.occurred_at) as ended_at,
        count(*) as events,
        count(*) filter (where visits.type in ('page', 'screen')) as pages,
        {{ bool_or("coalesce(visits.event_name in ('order completed', 'purchase'), false)") }} as has_purchase,
        -- where it began: all of it from the first event, so that landing page and campaign belong together
        max(case when placed.position = 1 then visits.record_id end) as first_record_id,
        max(case when placed.position = 1 then visits.page_url end) as landing_url,
        max(case when placed.position = 1 then visits.page_path end) as landing_path,
        max(case when placed.position = 1 then visits.referrer end) as referrer,
        max(case when placed.position = 1 then visits.utm_source end) as utm_source,
        max(case when placed.position = 1 then visits.utm_medium end) as utm_medium,
        max(case when placed.position = 1 then visits.utm_campaign end) as utm_campaign,
        max(case when placed.position = 1 then visits.channel end) as declared_channel,
        max(case when placed.position = 1 then visits.platform end) as platform
    from visits
    inner join placed on visits.record_id = placed.record_id
    group by visits.device_id, placed.session_no
),

final as (
    select
        's_' || md5(first_record_id) as session_id,
        customer_id,
        device_id,
        anonymous_id,
        source,
        brand,
        started_at,
        ended_at,
        {{ local_date('started_at') }} as started_on,
        cast({{ seconds_between('started_at', 'ended_at') }} as double) as seconds,
        cast(events as bigint) as events,
        cast(pages as bigint) as pages,
        has_purchase,
        landing_url,
        landing_path,
        referrer,
        utm_source,
        utm_medium,
        utm_campaign,
        case
            when declared_channel is not null then declared_channel
            when utm_medium is not null then utm_medium
            when {{ url_host('referrer') }} <> coalesce({{ url_host('landing_url') }}, '') then 'referral'
            when landing_url is not null or landing_path is not null then 'direct'
        end as channel,
        platform,
        first_record_id
    from summed
    where {{ is_touched('coalesce(customer_id, device_id)') }}
)

select * from final
