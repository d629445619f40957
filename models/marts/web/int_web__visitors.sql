{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='visitor_id',
) }}
-- Grain: one row per visitor (a customer on all devices, else a device): how often they came, and their first visit. Robots'
-- sessions are counted apart. Who came first is told here, where only touched visitors are read: no model has to sort all sessions.
with

ranked as (
    select
        coalesce(customer_id, device_id) as visitor_id,
        customer_id,
        started_at,
        started_on,
        channel,
        has_purchase,
        is_bot,
        row_number() over (
            partition by coalesce(customer_id, device_id), is_bot order by started_at, session_id
        ) as visit_no
    from {{ ref('sessions') }}
    where {{ is_touched('coalesce(customer_id, device_id)') }}
),

final as (
    select
        visitor_id,
        max(customer_id) as customer_id,
        count(*) filter (where not is_bot) as sessions,
        count(*) filter (where is_bot) as bot_sessions,
        max(case when not is_bot then started_at end) as last_visit_at,
        max(case when visit_no = 1 and not is_bot then started_on end) as first_visit_on,
        max(case when visit_no = 1 and not is_bot then channel end) as first_visit_channel,
        coalesce({{ bool_or('visit_no = 1 and not is_bot and has_purchase') }}, false) as first_has_purchase
    from ranked
    group by visitor_id
)

select * from final
