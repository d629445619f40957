{{ config(schema='customer') }}
-- Grain: one row per customer and stretch of time in which they had a subscription without a day between: a renewal that
-- the source writes as a new subscription is no end. Those without a start, or over at a time nobody tells, say nothing.
with

clock as (
    select
        as_of,
        as_of_on
    from {{ ref('prediction_clock') }}
),

subscriptions as (
    select
        owners.customer_id,
        subscriptions.record_id,
        subscriptions.started_at,
        -- a time nobody lives to see stands for no end
        coalesce(subscriptions.ended_at, timestamp '9999-12-30 00:00:00') as ended_at
    from {{ ref('stg_subscriptions') }} as subscriptions
    inner join {{ ref('node_customers') }} as owners on subscriptions.node_id = owners.node_id
    cross join clock
    where {{ is_counted_subscription('subscriptions', 'clock.as_of') }}
),

ordered as (
    select
        customer_id,
        record_id,
        started_at,
        ended_at,
        max(ended_at) over (
            partition by customer_id
            order by started_at, ended_at, record_id
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from subscriptions
),

numbered as (
    select
        customer_id,
        started_at,
        ended_at,
        sum(
            case when {{ days_between(local_date('covered_until'), local_date('started_at')) }} <= 1 then 0 else 1 end
        ) over (
            partition by customer_id
            order by started_at, ended_at, record_id
            rows between unbounded preceding and current row
        ) as spell
    from ordered
),

spells as (
    select
        customer_id,
        spell,
        min(started_at) as started_at,
        max(ended_at) as ended_at
    from numbered
    group by customer_id, spell
),

dated as (
    select
        customer_id,
        spell,
        ended_at,
        {{ local_date('started_at') }} as started_on,
        case when ended_at < timestamp '9999-12-30 00:00:00' then {{ local_date('ended_at') }} end as ended_on
    from spells
),

final as (
    select
        dated.customer_id,
        dated.spell,
        dated.started_on,
        dated.ended_on,
        dated.ended_at > clock.as_of as is_running,
        {{ days_between('dated.started_on', 'clock.as_of_on') }} as started_days,
        case
            when dated.ended_at <= clock.as_of then {{ days_between('dated.ended_on', 'clock.as_of_on') }}
        end as ended_days,
        case
            when dated.ended_at > clock.as_of then {{ days_between('clock.as_of_on', 'dated.ended_on') }}
        end as ends_in_days
    from dated
    cross join clock
)

select * from final
