{{ config(schema='customer') }}
-- Grain: one row per customer and calendar month (reporting zone) with at least one purchase, up to as_of.
with

monthly as (
    select
        customer_id,
        cast(date_trunc('month', ordered_on) as date) as month_start,
        cast(sum(purchases) as bigint) as purchases,
        cast(coalesce(sum(revenue), 0) as decimal(18, 2)) as revenue
    from {{ ref('purchase_days_by_now') }}
    group by customer_id, cast(date_trunc('month', ordered_on) as date)
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
