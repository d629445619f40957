{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_customers',
) }}
-- Grain: one row per customer with at least one order of any kind: sums over their orders in the reporting currency.
with

orders as (
    select
        customer_id,
        ordered_at,
        is_purchase,
        {{ at_rate('net_amount', 'rate') }} as net_amount,
        {{ at_rate('refunded_amount', 'rate') }} as refunded_amount,
        revenue
    from {{ ref('orders') }}
    where customer_id is not null and is_paid and {{ is_touched_customer('customer_id') }}
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
        count(*) filter (where is_purchase and revenue is null) as orders_without_revenue
    from orders
    group by customer_id
)

select * from final
