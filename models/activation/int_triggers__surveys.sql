-- Grain: one row per order delivered or ticket solved for which an invitation may become due: once per order or ticket, and
-- only where nobody has asked about it yet.
with

settings as (
    select * from {{ ref('config_triggers') }}
    where kind <> 'cart'
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

happened as (
    select
        'order_delivered' as kind,
        order_key as subject_id,
        customer_id,
        order_id,
        cast(null as {{ sql_type('string') }}) as ticket_id,
        brand,
        delivered_at as subject_at
    from {{ ref('orders') }}
    where delivered_at is not null and customer_id is not null
    union all
    select
        'ticket_solved' as kind,
        record_id as subject_id,
        customer_id,
        cast(null as {{ sql_type('string') }}) as order_id,
        ticket_id,
        brand,
        solved_at as subject_at
    from {{ ref('tickets') }}
    where not is_open and solved_at is not null and customer_id is not null
),

entered as (
    select distinct
        kind,
        subject_id
    from {{ ref('int_triggers__entered') }}
),

asked as (
    select distinct
        customer_id,
        coalesce(ticket_id, order_id) as thing_id,
        ticket_id is not null as is_ticket
    from {{ ref('invitations') }}
    where coalesce(ticket_id, order_id) is not null
),

final as (
    select
        't_' || md5(settings.trigger_name || '|' || settings.step || '|' || happened.subject_id) as entry_id,
        settings.trigger_name,
        settings.kind,
        settings.step_no,
        settings.step,
        happened.customer_id,
        happened.subject_id,
        happened.subject_at,
        happened.order_id,
        happened.ticket_id,
        happened.brand
    from happened
    inner join settings on happened.kind = settings.kind
    cross join clock
    left join entered on happened.kind = entered.kind and happened.subject_id = entered.subject_id
    left join asked
        on
            happened.customer_id = asked.customer_id
            and coalesce(happened.ticket_id, happened.order_id) = asked.thing_id
            and (happened.kind = 'ticket_solved') = asked.is_ticket
    where
        entered.subject_id is null
        and asked.customer_id is null
        and happened.subject_at <= clock.as_of
        and clock.as_of
        <= {{ plus_seconds('happened.subject_at', '(settings.wait_seconds + settings.give_up_seconds)') }}
)

select * from final
