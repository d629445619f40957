{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_customers',
) }}
-- Grain: one row per customer and day of purchase (reporting zone): what rhythms, months and predictions are counted from. Nothing
-- here depends on the hour of the run: who bought nothing new keeps his days, and what reads them sums only.
-- depends_on: {{ ref('touched_customers') }}
with

days as (
    select
        customer_id,
        ordered_on,
        min(ordered_at) as ordered_at,
        count(*) as purchases,
        count(revenue) as valued,
        sum(revenue) as revenue
    from {{ ref('orders') }}
    where is_purchase and customer_id is not null and {{ is_touched_customer('customer_id') }}
    group by customer_id, ordered_on
),

final as (
    select
        customer_id,
        ordered_on,
        ordered_at,
        purchases,
        valued,
        cast(revenue as decimal(18, 2)) as revenue,
        {{ days_between('lag(ordered_on) over (partition by customer_id order by ordered_on)', 'ordered_on') }}
            as gap_days,
        lead(ordered_at) over (partition by customer_id order by ordered_on) as next_ordered_at
    from days
)

select * from final
