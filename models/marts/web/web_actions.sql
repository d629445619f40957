{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='coalesce(customer_id, device_id)',
) }}
-- Grain: one row per event that says what somebody did in the shop (saw, put into the cart, bought), with its session.
-- Purchases reported by a server stand here too, without a session.
{% set said = [
    'product_id', 'sku', 'category', 'order_id', 'revenue', 'total', 'value', 'currency', 'quantity', 'price',
    'transaction_id',
] %}
{% set amounts = 'coalesce(' ~ nth('told.said', 5) ~ ', ' ~ nth('told.said', 6) ~ ', ' ~ nth('told.said', 7) ~ ')' %}
with

actions as (
    select
        record_id,
        device_id,
        customer_id,
        occurred_at,
        event_no,
        is_visit,
        action
    from {{ ref('event_owners') }}
    where action is not null and {{ is_touched('coalesce(customer_id, device_id)') }}
),

starts as (
    select
        device_id,
        first_event_no as event_no,
        session_id
    from {{ ref('int_web__visits') }}
    where
        {{ is_touched('coalesce(customer_id, device_id)') }}
        -- on most devices nobody does anything but look
        and device_id in (select device_id from actions)
),

-- the session of an event is the last one that began on its device at or before it
marked as (
    select
        device_id,
        event_no,
        0 as is_action,
        session_id,
        cast(null as {{ sql_type('string') }}) as record_id
    from starts
    union all
    select
        device_id,
        event_no,
        1 as is_action,
        cast(null as {{ sql_type('string') }}) as session_id,
        record_id
    from actions
),

placed as (
    select
        record_id,
        is_action,
        last_value(session_id ignore nulls) over (
            partition by device_id order by event_no, is_action
            rows between unbounded preceding and current row
        ) as session_id
    from marked
),

told as (
    select
        record_id,
        source,
        brand,
        {{ json_list('properties', said) }} as said
    from {{ ref('stg_events') }}
    where record_id in (select record_id from actions)
),

final as (
    select
        actions.record_id,
        actions.device_id,
        actions.customer_id,
        case when actions.is_visit then placed.session_id end as session_id,
        coalesce(sessions.is_bot, false) as is_bot,
        told.source,
        told.brand,
        actions.occurred_at,
        actions.event_no,
        actions.action,
        coalesce({{ nth('told.said', 1) }}, {{ nth('told.said', 2) }}) as product_id,
        {{ nth('told.said', 3) }} as category,
        coalesce({{ nth('told.said', 4) }}, {{ nth('told.said', 11) }}) as order_id,
        -- Segment's revenue leaves out shipping and tax, total and GA4's value may not: the first that is given
        {{ said_amount(amounts) }} as amount,
        upper({{ nth('told.said', 8) }}) as currency,
        coalesce({{ try_to(nth('told.said', 9), 'double') }}, 1) as quantity,
        {{ said_amount(nth('told.said', 10)) }} as price
    from actions
    inner join told on actions.record_id = told.record_id
    left join placed on actions.record_id = placed.record_id and placed.is_action = 1
    left join {{ ref('sessions') }} as sessions on placed.session_id = sessions.session_id
)

select * from final
