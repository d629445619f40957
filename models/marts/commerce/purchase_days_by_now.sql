{{ config(schema='customer', materialized='view') }}
-- Grain: one row per customer and day of purchase, with what was bought by as_of. Of the day as_of lies in, the orders by then
-- only: a pinned clock may stand in the middle of it.
with

clock as (
    select
        as_of,
        {{ local_date('as_of') }} as as_of_on
    from {{ ref('run_clock') }}
),

final as (
    select
        days.customer_id,
        days.ordered_on,
        days.purchases,
        days.valued,
        days.revenue
    from {{ ref('purchase_days') }} as days
    cross join clock
    where days.ordered_on < clock.as_of_on
    union all
    select
        orders.customer_id,
        orders.ordered_on,
        count(*) as purchases,
        count(orders.revenue) as valued,
        cast(sum(orders.revenue) as decimal(18, 2)) as revenue
    from {{ ref('orders') }} as orders
    cross join clock
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_on = clock.as_of_on
        and orders.ordered_at <= clock.as_of
    group by orders.customer_id, orders.ordered_on
)

select * from final
