-- Grain: one row per survey invitation that is due, or was sent in the last seven days; the answer names its invitation_id.
with

messages as (
    select * from {{ ref('trigger_messages') }}
    where step = 'invitation'
),

clock as (
    select * from {{ ref('run_clock') }}
),

final as (
    select
        messages.entry_id as invitation_id,
        messages.customer_id,
        customers.email,
        customers.language,
        entries.survey,
        entries.order_id,
        entries.ticket_id
    from messages
    inner join {{ ref('trigger_entries') }} as entries on messages.entry_id = entries.entry_id
    inner join {{ ref('customer_360') }} as customers on messages.customer_id = customers.customer_id
    cross join clock
    where
        (messages.state = 'due' or messages.sent_at >= clock.as_of - interval 7 day)
        and customers.email is not null
)

select * from final
