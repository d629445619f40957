-- Grain: one row per second message about a left cart, with its code, that is due, or was sent in the last seven days.
with

messages as (
    select * from {{ ref('trigger_messages') }}
    where trigger_name = 'cart' and step = 'second'
),

clock as (
    select * from {{ ref('run_clock') }}
),

final as (
    select
        messages.entry_id,
        messages.customer_id,
        customers.phone,
        entries.code,
        entries.discount_percent
    from messages
    inner join {{ ref('trigger_entries') }} as entries on messages.entry_id = entries.entry_id
    inner join {{ ref('customer_360') }} as customers on messages.customer_id = customers.customer_id
    cross join clock
    where
        (messages.state = 'due' or messages.sent_at >= clock.as_of - interval 7 day)
        and customers.phone is not null
)

select * from final
