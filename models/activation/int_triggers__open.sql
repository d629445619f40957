-- Grain: one row per message that is not sent yet: entries that no destination has accepted, and what may become one; with
-- what stops it. Opening a mail is no answer; a click by a machine and a visit by a robot are none either.
with

settings as (
    select * from {{ ref('config_triggers') }}
),

candidates as (
    select
        entry_id,
        trigger_name,
        'cart' as kind,
        step_no,
        step,
        customer_id,
        subject_id,
        subject_at,
        waits_from,
        parent_entry_id,
        products,
        amount,
        cast(null as {{ sql_type('string') }}) as order_id,
        cast(null as {{ sql_type('string') }}) as ticket_id,
        cast(null as {{ sql_type('string') }}) as brand,
        cart_state,
        cart_active_at,
        cast(null as timestamp) as entered_at,
        cast(null as {{ sql_type('string') }}) as code
    from {{ ref('int_triggers__carts') }}
    union all
    select
        entry_id,
        trigger_name,
        kind,
        step_no,
        step,
        customer_id,
        subject_id,
        subject_at,
        subject_at as waits_from,
        cast(null as {{ sql_type('string') }}) as parent_entry_id,
        cast(null as {{ sql_type('string') }}) as products,
        cast(null as decimal(18, 2)) as amount,
        order_id,
        ticket_id,
        brand,
        cast(null as {{ sql_type('string') }}) as cart_state,
        cast(null as timestamp) as cart_active_at,
        cast(null as timestamp) as entered_at,
        cast(null as {{ sql_type('string') }}) as code
    from {{ ref('int_triggers__surveys') }}
    union all
    select
        entry_id,
        trigger_name,
        kind,
        step_no,
        step,
        owner_id as customer_id,
        subject_id,
        subject_at,
        waits_from,
        parent_entry_id,
        products,
        amount,
        order_id,
        ticket_id,
        brand,
        cart_state,
        cart_active_at,
        entered_at,
        code
    from {{ ref('int_triggers__entered') }}
    where sent_at is null
),

-- an order may be told to the minute only
bought as (
    select distinct candidates.entry_id
    from candidates
    inner join {{ ref('orders') }} as orders
        on
            candidates.customer_id = orders.customer_id
            and orders.ordered_at >= date_trunc('minute', candidates.subject_at)
    where candidates.kind = 'cart'
),

clicks as (
    select
        owners.customer_id,
        messages.occurred_at
    from {{ ref('stg_messages') }} as messages
    inner join {{ ref('node_customers') }} as owners on messages.node_id = owners.node_id
    where messages.kind = 'clicked' and not coalesce(messages.is_machine, false)
),

returned as (
    select candidates.entry_id
    from candidates
    inner join {{ ref('sessions') }} as sessions
        on candidates.customer_id = sessions.customer_id and candidates.waits_from < sessions.ended_at
    where candidates.kind = 'cart' and candidates.step_no > 1 and not sessions.is_bot
    union
    select candidates.entry_id
    from candidates
    inner join clicks
        on candidates.customer_id = clicks.customer_id and candidates.waits_from < clicks.occurred_at
    where candidates.kind = 'cart' and candidates.step_no > 1
),

final as (
    select
        candidates.*,
        settings.channel,
        settings.purpose,
        settings.survey,
        settings.touchpoint,
        settings.answers_in,
        settings.pool,
        settings.discount_percent,
        settings.quiet_from,
        settings.quiet_to,
        settings.give_up_seconds,
        -- a first message nobody has had yet waits again when the cart is touched again
        {{ plus_seconds(
            'case when candidates.step_no = 1 and candidates.cart_active_at > candidates.waits_from'
            ~ ' then candidates.cart_active_at else candidates.waits_from end',
            'settings.wait_seconds',
        ) }} as waits_to,
        case
            when settings.trigger_name is null then 'not declared'
            when bought.entry_id is not null or candidates.cart_state in ('bought', 'recovered') then 'purchased'
            when returned.entry_id is not null then 'came back'
            when candidates.step_no > 1 and candidates.cart_active_at > candidates.waits_from then 'came back'
            when candidates.cart_state = 'emptied' then 'emptied'
        end as stopped_by
    from candidates
    left join settings
        on candidates.trigger_name = settings.trigger_name and candidates.step_no = settings.step_no
    left join bought on candidates.entry_id = bought.entry_id
    left join returned on candidates.entry_id = returned.entry_id
)

select * from final
