{{ config(schema='customer') }}
-- Grain: one row per customer with at least one order of any kind: sums over their orders, and over the last 12 months.
with

orders as (
    select
        customer_id,
        ordered_at,
        is_purchase,
        net_amount,
        refunded_amount,
        revenue
    from {{ ref('orders') }}
    where customer_id is not null and is_paid
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

timed as (
    select
        orders.*,
        orders.is_purchase
        and orders.ordered_at > clock.as_of - interval 12 month
        and orders.ordered_at <= clock.as_of as is_recent
    from orders
    cross join clock
),

final as (
    select
        customer_id,
        count(*) filter (where is_purchase) as orders,
        min(case when is_purchase then ordered_at end) as first_order_at,
        max(case when is_purchase then ordered_at end) as last_order_at,
        cast(coalesce(sum(revenue), 0) as decimal(18, 2)) as revenue,
        cast(coalesce(sum(refunded_amount), 0) as decimal(18, 2)) as refunds,
        cast(coalesce(sum(case when revenue is not null then net_amount end), 0) as decimal(18, 2)) as net_amount,
        count(*) filter (where is_purchase and revenue is not null) as valued_orders,
        count(*) filter (where is_recent) as recent_orders,
        max(case when is_recent then ordered_at end) as recent_last_order_at,
        cast(coalesce(sum(case when is_recent then revenue end), 0) as decimal(18, 2)) as recent_revenue
    from timed
    group by customer_id
)

select * from final
