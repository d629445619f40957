{{ config(materialized='view') }}
-- Grain: one row per touch of a customer with us or of us with them, with what was read in its words.
with

touches as (
    select * from {{ ref('customer_touches') }}
),

signals as (
    select * from {{ ref('text_signals') }}
),

final as (
    select
        touches.touch_id,
        touches.customer_id,
        touches.occurred_at,
        touches.channel,
        touches.kind,
        touches.touchpoint,
        touches.source,
        touches.record_id,
        touches.detail,
        touches.is_by_customer,
        signals.sentiment
    from touches
    left join signals on touches.record_id = signals.text_id
)

select * from final
