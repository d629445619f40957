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
        max(case when ranked.model = 'exponential_gamma' then ranked.refused_because end) as contract_refused
    from ranked
    cross join clock
    where ranked.age = 1
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
        cast(orders.revenue_12m as decimal(18, 2)) as predicted_revenue_12m,
        case
            when orders.revenue_12m is not null then null
            when orders.customer_id is null then 'no purchase'
            else coalesce(in_force.orders_refused, in_force.value_refused)
        end as revenue_reason,
        cast(orders.clv_12m as decimal(18, 2)) as clv_12m,
        case
            when orders.clv_12m is not null then null
            when orders.customer_id is null then 'no purchase'
            when orders.revenue_12m is null then coalesce(in_force.orders_refused, in_force.value_refused)
            else 'prediction.margin and prediction.discount_rate are not declared'
        end as clv_reason
    from profiles
    cross join clock
    cross join in_force
    left join orders on profiles.customer_id = orders.customer_id
    left join contracts on profiles.customer_id = contracts.customer_id
    left join subscriptions on profiles.customer_id = subscriptions.customer_id
)

select * from final
