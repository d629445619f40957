-- Grain: one row per message that is not sent yet, with its state at as_of, and its code when it enters now. Free codes go out in
-- the order in which they were loaded, each to one entry: what the memory of entries names is never free again.
with

waiting as (
    select
        unsent.*,
        reach.contact_point,
        reach.obstacle,
        coalesce(hours.due_at, unsent.waits_to) as due_at,
        coalesce(hours.is_quiet, false) as is_quiet,
        unsent.entered_at is not null as is_entered
    from {{ ref('int_triggers__open') }} as unsent
    left join {{ ref('int_triggers__reach') }} as reach on unsent.entry_id = reach.entry_id
    left join {{ ref('int_triggers__hours') }} as hours on unsent.entry_id = hours.entry_id
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

settings as (
    select survey_cooldown_days from {{ ref('config_cases') }}
),

-- asked already, though the ledger may not have the answer of the destination yet
just_asked as (
    select distinct entered.owner_id as customer_id
    from {{ ref('int_triggers__entered') }} as entered
    cross join clock
    cross join settings
    where
        entered.kind <> 'cart'
        and {{ add_days('entered.entered_at', 'settings.survey_cooldown_days') }} > clock.as_of
),

judged as (
    select
        waiting.*,
        clock.as_of,
        case
            when waiting.stopped_by is not null then waiting.stopped_by
            when waiting.obstacle is not null then waiting.obstacle
            when {{ plus_seconds('waiting.waits_to', 'waiting.give_up_seconds') }} < clock.as_of then 'too late'
        end as stopped_because,
        case
            when waiting.waits_to > clock.as_of then 'wait'
            when waiting.is_entered or waiting.kind = 'cart' then null
            when just_asked.customer_id is not null then 'cooldown'
            when not coalesce(eligibility.eligible, false) then coalesce(eligibility.reason, 'unknown person')
        end as waits_for
    from waiting
    cross join clock
    left join just_asked on waiting.customer_id = just_asked.customer_id
    left join {{ ref('survey_eligibility') }} as eligibility on waiting.customer_id = eligibility.customer_id
),

-- one person is asked one thing at a time
chosen as (
    select
        *,
        case
            when stopped_because is not null or waits_for is not null then null
            when is_entered or kind = 'cart' then 1
            else row_number() over (
                partition by kind = 'cart', is_entered, customer_id, stopped_because is null and waits_for is null
                order by due_at, entry_id
            )
        end as turn
    from judged
),

ready as (
    select
        *,
        turn = 1 and due_at <= as_of and not is_quiet as is_ready
    from chosen
),

seekers as (
    select
        entry_id,
        pool,
        discount_percent,
        row_number() over (partition by pool, discount_percent order by due_at, entry_id) as place
    from ready
    where is_ready and not is_entered and pool is not null
),

coupons as (
    select
        code,
        min(pool) as pool,
        min(discount_percent) as discount_percent,
        min(load_seq) as load_seq,
        min(valid_until) as valid_until
    from {{ ref('stg_coupons') }}
    where code not in (select code from {{ ref('trigger_memory') }} where code is not null)
    group by code
),

free as (
    select
        coupons.code,
        coupons.pool,
        coupons.discount_percent,
        row_number() over (
            partition by coupons.pool, coupons.discount_percent order by coupons.load_seq, coupons.code
        ) as place
    from coupons
    cross join clock
    where coupons.valid_until is null or coupons.valid_until > clock.as_of
),

final as (
    select
        ready.entry_id,
        ready.trigger_name,
        ready.kind,
        ready.step_no,
        ready.step,
        ready.customer_id,
        ready.subject_id,
        ready.subject_at,
        ready.waits_from,
        ready.waits_to,
        ready.due_at,
        ready.parent_entry_id,
        coalesce(ready.code, free.code) as code,
        case when ready.pool is not null then ready.discount_percent end as discount_percent,
        ready.products,
        ready.amount,
        ready.order_id,
        ready.ticket_id,
        ready.brand,
        ready.channel,
        ready.survey,
        ready.touchpoint,
        ready.answers_in,
        ready.entered_at,
        coalesce(ready.is_ready and not ready.is_entered and (ready.pool is null or free.code is not null), false)
            as enters_now,
        case
            when ready.stopped_because is not null then 'stopped'
            when ready.is_ready and (ready.is_entered or ready.pool is null or free.code is not null) then 'due'
            else 'waiting'
        end as state,
        case
            when ready.stopped_because is not null then ready.stopped_because
            when ready.waits_for is not null then ready.waits_for
            when ready.turn > 1 then 'another question first'
            when not ready.is_ready then 'quiet hours'
            when not ready.is_entered and ready.pool is not null and free.code is null then 'no code'
        end as reason
    from ready
    left join seekers on ready.entry_id = seekers.entry_id
    left join free
        on
            seekers.pool = free.pool
            and seekers.discount_percent = free.discount_percent
            and seekers.place = free.place
)

select * from final
