{{ config(schema='staging') }}
-- Grain: one row per touch_key whose touches this build replaces: the touched ones, and the owners of orders that
-- changed by a line or a refund which names nobody.
with

orders as (
    select
        order_key,
        customer_id
    from {{ ref('orders') }}
    where customer_id is not null
),

final as (
    select touch_key from {{ ref('touched') }}
    union
    select orders.customer_id as touch_key
    from orders
    inner join {{ ref('touched_orders') }} as changed on orders.order_key = changed.order_key
)

select * from final
