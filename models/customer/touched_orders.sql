{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per order this build replaces; none on a full one. It grows over killed builds and is cleared when a build is
-- marked: an order whose new rate is written already must still reach the sums over it. A line or a refund may come long after its order and
-- name nobody, so the owner being touched is not enough: the order of every touched record counts, the one it had
-- before included, and an order whose rate is another now (a quote came late). `order_records` is written last of all order facts, so a killed build finds the former orders again.
{% set former = previous('customer', 'order_records') %}
{% set orders = previous('marts', 'orders') %}
{% set rates = ref('reporting_rates') %}
with

records as (
    {% for plural in ['orders', 'order_lines', 'refunds'] %}
    select
        record_id,
        node_id,
        {{ order_key() }} as order_key
    from {{ ref('stg_' ~ plural) }}
    {{ 'where false' if flags.FULL_REFRESH }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
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
    {% if former and not flags.FULL_REFRESH %}
    union
    select order_key from {{ former }} where record_id in (select touch_key from touched)
    {% endif %}
    {% if orders and not flags.FULL_REFRESH %}
    union
    select orders.order_key
    from {{ orders }} as orders
    left join {{ rates }} as rates
        on orders.currency = rates.currency and orders.ordered_on = rates.day
    where
        orders.currency <> {{ reporting_currency() }}
        and (
            orders.rate is distinct from rates.rate
            or orders.rated_on is distinct from rates.quoted_on
        )
    {% endif %}
)

select order_key
from final
where
    order_key is not null
    {% if is_incremental() %}and order_key not in (select order_key from {{ this }}){% endif %}
