{{ config(schema='customer') }}
-- Grain: one row per message that a tool of the company sent to a known profile, as far back as the longest limit counts.
-- A message that bounced for good reached nobody.
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

counted as (
    select
        max(rules.days) as days,
        max(clock.as_of) as as_of
    from {{ ref('config_send_rules') }} as rules
    cross join {{ ref('run_clock') }} as clock
    where rules.kind in ('cap', 'frequency')
),

events as (
    select
        messages.source,
        coalesce(messages.message_id, messages.record_id) as message_key,
        messages.node_id,
        {{ channel_family(message_channel()) }} as channel,
        messages.kind,
        coalesce(messages.is_hard_bounce, false) as is_hard_bounce,
        messages.occurred_at
    from {{ ref('stg_messages') }} as messages
    cross join counted
    where
        messages.kind in ('sent', 'delivered', 'bounced')
        and messages.occurred_at > counted.as_of - counted.days * interval 1 day
),

final as (
    select
        events.source,
        events.message_key,
        owners.customer_id,
        min(events.channel) as channel,
        min(events.occurred_at) as sent_at
    from events
    inner join owners on events.node_id = owners.node_id
    group by events.source, events.message_key, owners.customer_id
    having
        {{ bool_or("events.kind in ('sent', 'delivered')") }}
        and not {{ bool_or("events.kind = 'bounced' and events.is_hard_bounce") }}
)

select * from final
