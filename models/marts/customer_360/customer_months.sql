{{ config(schema='customer') }}
-- Grain: one row per customer and calendar month (reporting zone) with at least one purchase, up to as_of.
with

purchases as (
    select
        orders.customer_id,
        {{ local_month('orders.ordered_at') }} as month_start,
        orders.revenue
    from {{ ref('orders') }} as orders
    cross join {{ ref('run_clock') }} as clock
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_at <= clock.as_of
),

monthly as (
    select
        customer_id,
        month_start,
        count(*) as purchases,
        cast(coalesce(sum(revenue), 0) as decimal(18, 2)) as revenue
    from purchases
    group by customer_id, month_start
),

final as (
    select
        customer_id,
        month_start,
        purchases,
        revenue,
        min(month_start) over (partition by customer_id) as cohort_month,
        lag(month_start) over (partition by customer_id order by month_start) as previous_month,
        lead(month_start) over (partition by customer_id order by month_start) as next_month
    from monthly
)

select * from final
