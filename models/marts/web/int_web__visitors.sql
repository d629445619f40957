{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='visitor_id',
) }}
-- Grain: one row per visitor (a customer on all devices, else a device): how often they came, and their first visit. Robots'
-- sessions are counted apart. Who came first is told here, where only touched visitors are read: no model has to sort all sessions.
{% set order_of_visits = 'case when not is_bot then ' ~ ordered_values(['started_at', 'session_id']) ~ ' end' %}
with

visits as (
    select
        coalesce(customer_id, device_id) as visitor_id,
        customer_id,
        session_id,
        started_at,
        started_on,
        channel,
        has_purchase,
        is_bot
    from {{ ref('sessions') }}
    where {{ is_touched('coalesce(customer_id, device_id)') }}
),

summed as (
    select
        visitor_id,
        max(customer_id) as customer_id,
        count(*) filter (where not is_bot) as sessions,
        count(*) filter (where is_bot) as bot_sessions,
        max(case when not is_bot then started_at end) as last_visit_at,
        -- of two at one moment the one with the smaller name
        {{ min_by('session_id', order_of_visits) }} as first_session_id
    from visits
    group by visitor_id
),

final as (
    select
        summed.visitor_id,
        summed.customer_id,
        summed.sessions,
        summed.bot_sessions,
        summed.last_visit_at,
        firsts.started_on as first_visit_on,
        firsts.channel as first_visit_channel,
        coalesce(firsts.has_purchase, false) as first_has_purchase
    from summed
    left join visits as firsts on summed.first_session_id = firsts.session_id
)

select * from final
