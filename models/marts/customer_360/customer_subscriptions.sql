{{ config(schema='customer') }}
-- Grain: one row per customer with a subscription: whether one is active at as_of, and when the last one ended.
with

subscriptions as (
    select
        owners.customer_id,
        subscriptions.started_at,
        subscriptions.ended_at,
        -- a date goes before a word: who has cancelled is active until the day it ends
        case
            when subscriptions.ended_at is not null then subscriptions.ended_at > clock.as_of
            else not {{ is_ended_status('subscriptions.status') }}
        end as is_active
    from {{ ref('stg_subscriptions') }} as subscriptions
    inner join {{ ref('node_customers') }} as owners on subscriptions.node_id = owners.node_id
    cross join {{ ref('run_clock') }} as clock
    where coalesce(subscriptions.started_at, clock.as_of) <= clock.as_of
),

final as (
    select
        customer_id,
        {{ bool_or('is_active') }} as is_active,
        max(ended_at) as last_ended_at
    from subscriptions
    group by customer_id
)

select * from final
