{{ config(materialized='incremental', incremental_strategy='replace_touched') }}
-- Grain: one row per message event: one sending, delivery, opening, click, bounce, complaint or unsubscription.
with

messages as (
    select * from {{ ref('stg_messages') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

owned as (
    select
        messages.record_id,
        messages.source,
        messages.brand,
        owners.customer_id,
        messages.message_id,
        messages.campaign_id,
        messages.variant,
        messages.channel,
        messages.kind,
        messages.is_hard_bounce,
        messages.is_machine,
        messages.occurred_at,
        coalesce(owners.customer_id, messages.record_id) as touch_key
    from messages
    left join owners on messages.node_id = owners.node_id
),

final as (
    select *
    from owned
    where {{ is_touched('touch_key') }}
)

select * from final
