{{ config(schema='customer') }}
-- Grain: one row per calendar month (reporting zone) from the first purchase to as_of.
with

bounds as (
    select
        min({{ local_month('orders.ordered_at') }}) as first_month,
        min({{ local_month('clock.as_of') }}) as last_month
    from {{ ref('orders') }} as orders
    cross join {{ ref('run_clock') }} as clock
    where orders.is_purchase and orders.ordered_at <= clock.as_of
),

series as (
    select
        {{ period_series('first_month', 'last_month', 'month') }} as month_start,
        last_month
    from bounds
),

final as (
    select
        month_start,
        -- a month that is still running has counts that will grow
        month_start < last_month as is_complete
    from series
)

select * from final
