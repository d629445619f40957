{{ config(schema='customer') }}
-- Grain: one row per customer who ever bought: the RFM segment he is in at as_of.
with

orders as (
    select
        customer_id,
        orders
    from {{ ref('customer_orders') }}
),

rfm as (
    select * from {{ ref('customer_rfm') }}
),

names as (
    select * from {{ ref('rfm_segments') }}
),

-- who bought, though not in the window, has no scores, and a name all the same
final as (
    select
        orders.customer_id,
        case when rfm.customer_id is null then 'lapsed' else names.segment end as segment
    from orders
    left join rfm on orders.customer_id = rfm.customer_id
    left join names on rfm.recency_score = names.recency_score and rfm.frequency_score = names.frequency_score
    where orders.orders > 0
)

select * from final
