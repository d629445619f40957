{{ config(schema='staging') }}
-- Grain: one row per order this build replaces. A line or a refund may come long after its order and name nobody,
-- so the owner being touched is not enough: the order of every touched record counts, the one it had before included.
-- `order_records` is written last of all order facts, so a killed build finds the former orders again.
{% set former = previous('customer', 'order_records') %}
with

records as (
    select
        record_id,
        node_id,
        {{ order_key() }} as order_key
    from {{ ref('stg_orders') }}
    union all
    select
        record_id,
        node_id,
        {{ order_key() }} as order_key
    from {{ ref('stg_order_lines') }}
    union all
    select
        record_id,
        node_id,
        {{ order_key() }} as order_key
    from {{ ref('stg_refunds') }}
),

touched as (
    select touch_key from {{ ref('touched') }}
),

touched_nodes as (
    select owners.node_id
    from {{ ref('node_customers') }} as owners
    inner join touched on owners.customer_id = touched.touch_key
),

final as (
    select order_key from records where record_id in (select touch_key from touched)
    union
    select order_key from records where node_id in (select node_id from touched_nodes)
    {% if former %}
    union
    select order_key from {{ former }} where record_id in (select touch_key from touched)
    {% endif %}
)

select * from final
