-- Grain: one row per known profile. A figure that cannot be given is null, and the column beside it says why.
with

clock as (
    select horizon_days from {{ ref('prediction_clock') }}
),

in_force as (
    select * from {{ ref('int_prediction__in_force') }}
),

revenues as (
    select * from {{ ref('int_prediction__revenues') }}
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

contracts as (
    select * from scores where part = 'contract'
),

final as (
    select
        revenues.customer_id,
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
        cast(revenues.revenue as decimal(18, 2)) as predicted_revenue_12m,
        case when revenues.revenue is null then revenues.revenue_reason end as revenue_reason,
        case when revenues.has_orders or revenues.has_subscription then revenues.basis end as revenue_basis,
        cast(revenues.order_revenue as decimal(18, 2)) as order_revenue_12m,
        cast(revenues.subscription_revenue as decimal(18, 2)) as subscription_revenue_12m,
        case when revenues.subscription_revenue is null then revenues.subscription_reason end as subscription_reason,
        cast(revenues.clv as decimal(18, 2)) as clv_12m,
        case
            when revenues.clv is not null then null
            when revenues.revenue is null then revenues.revenue_reason
            else 'prediction.margin and prediction.discount_rate are not declared'
        end as clv_reason
    from revenues
    cross join clock
    cross join in_force
    left join orders on revenues.customer_id = orders.customer_id
    left join contracts on revenues.customer_id = contracts.customer_id
    left join subscriptions on revenues.customer_id = subscriptions.customer_id
)

select * from final
