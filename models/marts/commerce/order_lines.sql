{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='order_key',
    touched_sql='select order_key from staging.touched_orders',
) }}
-- Grain: one row per line of an order.
{% set net_amount = 'coalesce(lines.net_amount, lines.gross_amount - coalesce(lines.discount_amount, 0))' %}
with

lines as (
    select
        record_id,
        {{ order_key() }} as order_key,
        source,
        order_id,
        line_no,
        product_id,
        quantity,
        gross_amount,
        discount_amount,
        net_amount
    from {{ ref('stg_order_lines') }}
    where {{ is_touched_order(order_key()) }}
),

orders as (
    select
        order_key,
        customer_id,
        ordered_at,
        is_paid,
        rate
    from {{ ref('orders') }}
    where {{ is_touched_order('order_key') }}
),

final as (
    select
        lines.record_id,
        lines.order_key,
        lines.source,
        lines.order_id,
        lines.line_no,
        lines.source || ':' || lines.product_id as product_key,
        lines.product_id,
        orders.customer_id,
        orders.ordered_at,
        coalesce(orders.is_paid, false) as is_paid,
        cast(lines.quantity as double) as quantity,
        cast(lines.gross_amount as decimal(18, 2)) as gross_amount,
        cast(lines.discount_amount as decimal(18, 2)) as discount_amount,
        cast({{ net_amount }} as decimal(18, 2)) as net_amount,
        case
            when orders.is_paid then {{ at_rate('cast(' ~ net_amount ~ ' as decimal(18, 2))', 'orders.rate') }}
        end as revenue
    from lines
    -- a line may come before its order, or outlive it: it is kept, but sells nothing
    left join orders on lines.order_key = orders.order_key
)

select * from final
