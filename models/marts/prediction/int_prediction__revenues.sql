{{ config(materialized='view', schema='customer') }}
-- Grain: one row per known profile: what its orders and its subscriptions are expected to bring in 12 months, and which of the two
-- is its revenue. A figure that cannot be given is null, and a reason says why.
with

profiles as (
    select customer_id from {{ ref('golden_records') }}
),

clock as (
    select orders_include_subscriptions from {{ ref('prediction_clock') }}
),

in_force as (
    select * from {{ ref('int_prediction__in_force') }}
),

scores as (
    select * from {{ ref('customer_scores') }}
),

subscriptions as (
    select * from {{ ref('customer_subscriptions') }}
),

orders as (
    select * from scores where part = 'orders'
),

-- a sum with a gap is no sum: a subscription without a score has no price, or no law of tenures
renewals as (
    select
        customer_id,
        case when count(revenue_12m) = count(*) then sum(revenue_12m) end as revenue_12m,
        case when count(clv_12m) = count(*) then sum(clv_12m) end as clv_12m
    from scores
    where part = 'renewal'
    group by customer_id
),

unpriced as (
    select
        customer_id,
        min(missing_because) as missing_because
    from {{ ref('subscription_prices') }}
    where is_running and missing_because is not null
    group by customer_id
),

parts as (
    select
        profiles.customer_id,
        orders.customer_id is not null as has_orders,
        coalesce(subscriptions.is_active, false) as has_subscription,
        orders.revenue_12m as order_revenue,
        orders.clv_12m as order_clv,
        case
            when orders.revenue_12m is not null then null
            when orders.customer_id is null then 'no purchase'
            else coalesce(in_force.orders_refused, in_force.value_refused)
        end as order_reason,
        case when unpriced.customer_id is null then renewals.revenue_12m end as subscription_revenue,
        case when unpriced.customer_id is null then renewals.clv_12m end as subscription_clv,
        case
            when subscriptions.is_active is null then 'no subscription'
            when not subscriptions.is_active then 'the subscription has ended'
            when unpriced.customer_id is not null then unpriced.missing_because
            when renewals.revenue_12m is not null then null
            when renewals.customer_id is null then 'the start of the subscription is not known'
            else coalesce(in_force.contract_refused, in_force.renewal_refused)
        end as subscription_reason,
        clock.orders_include_subscriptions
    from profiles
    cross join clock
    cross join in_force
    left join orders on profiles.customer_id = orders.customer_id
    left join renewals on profiles.customer_id = renewals.customer_id
    left join unpriced on profiles.customer_id = unpriced.customer_id
    left join subscriptions on profiles.customer_id = subscriptions.customer_id
),

-- Whether payments of subscriptions are orders too is for the company to say. Where they are, orders stand for all of it. While it
-- has not said, it is the greater of the two: less than that it is in neither case, and no money is told twice.
based as (
    select
        *,
        case
            when not has_subscription then 'orders'
            when not has_orders then 'subscriptions'
            when orders_include_subscriptions then 'orders'
            when not orders_include_subscriptions then 'both'
            when subscription_revenue > order_revenue then 'subscriptions'
            else 'orders'
        end as basis
    from parts
),

final as (
    select
        customer_id,
        has_orders,
        has_subscription,
        order_revenue,
        subscription_revenue,
        order_reason,
        subscription_reason,
        basis,
        case basis
            when 'orders' then order_revenue
            when 'subscriptions' then subscription_revenue
            else order_revenue + subscription_revenue
        end as revenue,
        case basis
            when 'orders' then order_reason
            when 'subscriptions' then subscription_reason
            else coalesce(order_reason, subscription_reason)
        end as revenue_reason,
        case basis
            when 'orders' then order_clv
            when 'subscriptions' then subscription_clv
            else order_clv + subscription_clv
        end as clv
    from based
)

select * from final
