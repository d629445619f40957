{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='record_id',
    touched_sql='select touch_key from staging.touched',
) }}
-- Grain: one row per order, line or refund record with the order it belongs to; tells the next build which order a
-- deleted or moved record was part of. It comes after everything that is replaced by touched orders: a build that is killed
-- before one of those has run must find the former orders again.
-- depends_on: {{ ref('orders') }}
-- depends_on: {{ ref('order_lines') }}
-- depends_on: {{ ref('customer_touches') }} {{ ref('customer_activity') }} {{ ref('customer_orders') }} {{ ref('purchase_days') }}
-- depends_on: {{ ref('int_journeys__steps') }}
with

final as (
    select
        record_id,
        {{ order_key() }} as order_key
    from {{ ref('stg_orders') }}
    where {{ is_touched('record_id') }}
    union all
    select
        record_id,
        {{ order_key() }} as order_key
    from {{ ref('stg_order_lines') }}
    where {{ is_touched('record_id') }}
    union all
    select
        record_id,
        {{ order_key() }} as order_key
    from {{ ref('stg_refunds') }}
    where {{ is_touched('record_id') }}
)

select * from final
