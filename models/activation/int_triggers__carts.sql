-- Grain: one row per message of the cart trigger that may become due: the first to a cart that nobody bought, the second to a
-- cart whose first was sent. Once per cart: a cart that holds the act of an earlier entry has had it.
with

settings as (
    select * from {{ ref('config_triggers') }}
    where kind = 'cart'
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

carts as (
    select * from {{ ref('carts') }}
    where customer_id is not null and state in ('open', 'abandoned')
),

entered as (
    select * from {{ ref('int_triggers__entered') }}
    where kind = 'cart'
),

last_acts as (
    select
        carts.cart_id,
        min(actions.record_id) as subject_id
    from carts
    inner join {{ ref('web_actions') }} as actions
        on carts.customer_id = actions.customer_id and carts.last_active_at = actions.occurred_at
    where actions.action <> 'purchased'
    group by carts.cart_id
),

first_messages as (
    select
        settings.trigger_name,
        settings.step_no,
        settings.step,
        carts.cart_id,
        carts.customer_id,
        last_acts.subject_id,
        carts.last_active_at as subject_at,
        carts.last_active_at as waits_from,
        cast(null as {{ sql_type('string') }}) as parent_entry_id,
        carts.products,
        carts.amount,
        carts.state as cart_state,
        carts.last_active_at as cart_active_at
    from carts
    inner join last_acts on carts.cart_id = last_acts.cart_id
    inner join settings on settings.step_no = 1
    left join entered on carts.cart_id = entered.cart_id and settings.step_no = entered.step_no
    where entered.entry_id is null
),

sent as (
    select
        *,
        -- two carts that were written to and are one now: one second message
        row_number() over (partition by coalesce(cart_id, entry_id) order by sent_at, entry_id) as turn
    from entered
    where step_no = 1 and sent_at is not null
),

second_messages as (
    select
        settings.trigger_name,
        settings.step_no,
        settings.step,
        sent.cart_id,
        sent.owner_id as customer_id,
        sent.subject_id,
        sent.subject_at,
        sent.sent_at as waits_from,
        sent.entry_id as parent_entry_id,
        sent.products,
        sent.amount,
        sent.cart_state,
        sent.cart_active_at
    from sent
    inner join settings on settings.step_no = 2
    left join entered as by_cart on sent.cart_id = by_cart.cart_id and settings.step_no = by_cart.step_no
    left join entered as by_parent on sent.entry_id = by_parent.parent_entry_id
    where sent.turn = 1 and by_cart.entry_id is null and by_parent.entry_id is null
),

unioned as (
    select * from first_messages
    union all
    select * from second_messages
),

final as (
    select
        't_' || md5(
            unioned.trigger_name || '|' || unioned.step || '|' || coalesce(unioned.parent_entry_id, unioned.subject_id)
        ) as entry_id,
        unioned.*
    from unioned
    inner join settings on unioned.step_no = settings.step_no
    cross join clock
    where {{ plus_seconds('unioned.waits_from', '(settings.wait_seconds + settings.give_up_seconds)') }} >= clock.as_of
)

select * from final
