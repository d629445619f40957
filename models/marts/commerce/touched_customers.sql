{{ config(schema='staging') }}
-- Grain: one row per touch_key whose touches this build replaces: the touched ones, and the owners of orders that
-- changed by a line or a refund which names nobody. Of such an order count all who have a record of it: two tables may deliver
-- it under two people, and a later version gives it to the other one.
with

changed as (
    select order_key from {{ ref('touched_orders') }}
),

records as (
    {% for plural in ['orders', 'order_lines'] %}
    select node_id
    from {{ ref('stg_' ~ plural) }}
    where {{ order_key() }} in (select order_key from changed)
    {{ 'union' if not loop.last }}
    {% endfor %}
),

final as (
    select touch_key from {{ ref('touched') }}
    union
    select owners.customer_id as touch_key
    from records
    inner join {{ ref('node_customers') }} as owners on records.node_id = owners.node_id
    union
    select orders.customer_id as touch_key
    from {{ ref('orders') }} as orders
    inner join changed on orders.order_key = changed.order_key
    where orders.customer_id is not null
)

select * from final
