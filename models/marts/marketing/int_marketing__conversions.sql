{{ config(schema='customer') }}
-- Grain: one row per purchase that followed a campaign message in time: the last one before it has it, and no other.
with

settings as (
    select * from {{ ref('config_campaigns') }}
),

touches as (
    select *
    from {{ ref('int_marketing__messages') }}
    where customer_id is not null and touched_at is not null
),

purchases as (
    select
        order_key,
        customer_id,
        ordered_at,
        revenue,
        row_number() over (partition by customer_id order by ordered_at, order_key) as order_no
    from {{ ref('orders') }}
    where is_purchase and customer_id is not null
),

ranked as (
    select
        purchases.order_key,
        purchases.customer_id,
        purchases.ordered_at,
        purchases.revenue,
        purchases.order_no = 1 as is_first_purchase,
        touches.source,
        touches.campaign_id,
        touches.variant,
        touches.message_key,
        row_number() over (
            partition by purchases.order_key
            order by touches.touched_at desc, touches.source, touches.campaign_id, touches.message_key
        ) as place
    from purchases
    cross join settings
    inner join touches
        on
            purchases.customer_id = touches.customer_id
            and purchases.ordered_at > touches.touched_at
            and purchases.ordered_at <= touches.touched_at + settings.converts_days * interval 1 day
),

final as (
    select
        order_key,
        customer_id,
        ordered_at,
        revenue,
        is_first_purchase,
        source,
        campaign_id,
        variant,
        message_key
    from ranked
    where place = 1
)

select * from final
