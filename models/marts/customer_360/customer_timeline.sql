{{ config(materialized='view') }}
-- Grain: one row per touch of a customer with us or of us with them, with what was read in its words.
-- The order is time; of touches in one second (many sources deliver days) what leads to the other goes first: a letter, a visit,
-- an order, a talk, a ticket, a post, an answer; then the name of the touch. `touch_no` says it, so that nobody has to know.
{% set leads = ['message', 'session', 'order', 'interaction', 'ticket', 'post', 'answer'] %}
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
        row_number() over (
            partition by touches.customer_id
            order by
                touches.occurred_at,
                case touches.kind
                    {% for kind in leads -%}
                    when '{{ kind }}' then {{ loop.index }}
                    {% endfor -%}
                end,
                touches.touch_id
        ) as touch_no,
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
