{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='coalesce(customer_id, device_id)',
) }}
-- Grain: one row per session: what one owner did on one device without a pause longer than the timeout.
-- A session is not broken at midnight, nor by a login of the person it belonged to anyway; another owner begins a new one.
with

settings as (
    select session_timeout_seconds from {{ ref('config_web') }}
),

events as (
    select
        record_id,
        device_id,
        customer_id,
        occurred_at,
        event_no,
        is_page,
        action
    from {{ ref('event_owners') }}
    where
        is_visit
        {% if is_incremental() %}
        -- the whole device: whether an event begins a session is told by the one before it, whoever owns that
        and device_id in (
            select device_id from {{ ref('event_owners') }} where {{ is_touched('coalesce(customer_id, device_id)') }}
        )
        {% endif %}
),

followed as (
    select
        *,
        lag(occurred_at) over (partition by device_id order by event_no) as previous_at,
        lag(customer_id) over (partition by device_id order by event_no) as previous_id
    from events
),

cut as (
    select
        followed.*,
        case
            when followed.previous_at is null then 1
            when
                {{ seconds_between('followed.previous_at', 'followed.occurred_at') }} > settings.session_timeout_seconds
                then 1
            when (followed.previous_id is distinct from followed.customer_id) then 1
            else 0
        end as is_start
    from followed
    cross join settings
),

numbered as (
    select
        *,
        sum(is_start) over (
            partition by device_id order by event_no rows between unbounded preceding and current row
        ) as session_no
    from cut
),

summed as (
    select
        device_id,
        session_no,
        max(customer_id) as customer_id,
        max(case when is_start = 1 then record_id end) as first_record_id,
        min(event_no) as first_event_no,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        count(*) as events,
        count(*) filter (where is_page) as pages,
        count(*) filter (where action = 'product_viewed') as product_viewed,
        count(*) filter (where action = 'product_added') as product_added,
        count(*) filter (where action = 'cart_viewed') as cart_viewed,
        count(*) filter (where action = 'checkout_started') as checkout_started,
        count(*) filter (where action = 'purchased') as purchased
    from numbered
    group by device_id, session_no
),

final as (
    select
        's_' || md5(first_record_id) as session_id,
        device_id,
        customer_id,
        first_record_id,
        first_event_no,
        started_at,
        ended_at,
        events,
        pages,
        product_viewed,
        product_added,
        cart_viewed,
        checkout_started,
        purchased
    from summed
    where {{ is_touched('coalesce(customer_id, device_id)') }}
)

select * from final
