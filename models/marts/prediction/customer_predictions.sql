-- Grain: one row per known profile. A figure that cannot be given is null, and the column beside it says why.
with

profiles as (
    select customer_id from {{ ref('golden_records') }}
),

clock as (
    select * from {{ ref('prediction_clock') }}
),

scores as (
    select * from {{ ref('customer_scores') }}
),

orders as (
    select * from scores where part = 'orders'
),

contracts as (
    select * from scores where part = 'contract'
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

subscriptions as (
    select * from {{ ref('customer_subscriptions') }}
),

attempts as (
    select
        model,
        fit_seq,
        max(n) as n,
        max(refused_because) as refused_because
    from {{ ref('model_runs') }}
    where part = 'parameter'
    group by model, fit_seq
),

ranked as (
    select
        model,
        n,
        refused_because,
        row_number() over (partition by model order by fit_seq desc) as age
    from attempts
),

-- the latest attempt of each model is that of this week and these settings: model_runs sees to it
in_force as (
    select
        max(case when ranked.model = clock.model then ranked.n end) as orders_n,
        max(case when ranked.model = clock.model then ranked.refused_because end) as orders_refused,
        max(case when ranked.model = 'gamma_gamma' then ranked.refused_because end) as value_refused,
        max(case when ranked.model = 'exponential_gamma' then ranked.n end) as contract_n,
        max(case when ranked.model = 'exponential_gamma' then ranked.refused_because end) as contract_refused,
        max(case when ranked.model = 'subscription_revenue' then ranked.refused_because end) as renewal_refused
    from ranked
    cross join clock
    where ranked.age = 1
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
        -- Whether payments of subscriptions are orders too is for the company to say: while it has not, or where they are, a
        -- buyer's orders stand for all of it, so that no money is told twice.
        case
            when not coalesce(subscriptions.is_active, false) then 'orders'
            when orders.customer_id is null then 'subscriptions'
            when not coalesce(clock.orders_include_subscriptions, true) then 'both'
            else 'orders'
        end as basis
    from profiles
    cross join clock
    cross join in_force
    left join orders on profiles.customer_id = orders.customer_id
    left join renewals on profiles.customer_id = renewals.customer_id
    left join unpriced on profiles.customer_id = unpriced.customer_id
    left join subscriptions on profiles.customer_id = subscriptions.customer_id
),

valued as (
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
    from parts
),

final as (
    select
        profiles.customer_id,
        case
            when contracts.customer_id is not null or subscriptions.is_active then 'contractual'
            when orders.customer_id is not null then 'non_contractual'
        end as churn_kind,
        case
            when contracts.customer_id is not null then contracts.end_prob
            when not coalesce(subscriptions.is_active, false) then orders.silent_prob
        end as churn_prob,
        cast(clock.horizon_days as bigint) as churn_horizon_days,
        case
            when contracts.end_prob is not null then null
            when contracts.customer_id is not null then in_force.contract_refused
            when subscriptions.is_active then 'the start of the subscription is not known'
            when orders.customer_id is not null then in_force.orders_refused
            when subscriptions.customer_id is not null then 'the subscription has ended'
            else 'no purchase'
        end as churn_reason,
        cast(
            case
                when contracts.customer_id is not null then in_force.contract_n
                when orders.silent_prob is not null then in_force.orders_n
            end as bigint
        ) as churn_n,
        orders.alive_prob,
        orders.expected_orders_12m,
        cast(valued.revenue as decimal(18, 2)) as predicted_revenue_12m,
        case when valued.revenue is null then valued.revenue_reason end as revenue_reason,
        case when valued.has_orders or valued.has_subscription then valued.basis end as revenue_basis,
        cast(valued.order_revenue as decimal(18, 2)) as order_revenue_12m,
        cast(valued.subscription_revenue as decimal(18, 2)) as subscription_revenue_12m,
        case when valued.subscription_revenue is null then valued.subscription_reason end as subscription_reason,
        cast(valued.clv as decimal(18, 2)) as clv_12m,
        case
            when valued.clv is not null then null
            when valued.revenue is null then valued.revenue_reason
            else 'prediction.margin and prediction.discount_rate are not declared'
        end as clv_reason
    from profiles
    cross join clock
    cross join in_force
    left join orders on profiles.customer_id = orders.customer_id
    inner join valued on profiles.customer_id = valued.customer_id
    left join contracts on profiles.customer_id = contracts.customer_id
    left join subscriptions on profiles.customer_id = subscriptions.customer_id
)

select * from final
