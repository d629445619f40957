{{ config(schema='customer') }}
-- Grain: one row per case and thing that opens, closes or re-opens it: a trigger, a decision, the end of a ticket that
-- carries its id. Whatever came last holds; where two came at once, nobody is forgotten: open wins.
with

members as (
    select * from {{ ref('int_cases__members') }}
),

decisions as (
    select
        decisions.id,
        decisions.case_id,
        decisions.verb,
        decisions.at as happened_at
    from {{ source('case_memory', 'decisions') }} as decisions
),

tickets as (
    select * from {{ ref('tickets') }}
),

carrying as (
    select
        members.case_id,
        tickets.record_id,
        tickets.is_open,
        tickets.solved_at,
        tickets.reopened_at
    from tickets
    inner join members on tickets.case_id = members.trigger_id
),

-- a case with one ticket solved and another one open is not done
unfinished as (
    select distinct case_id
    from carrying
    where is_open
),

events as (
    select
        case_id,
        occurred_at as happened_at,
        true as is_opening,
        'trigger' as cause,
        trigger_id as cause_id
    from members
    union all
    select
        members.case_id,
        decisions.happened_at,
        decisions.verb = 'reopen' as is_opening,
        'decision' as cause,
        cast(decisions.id as {{ sql_type('string') }}) as cause_id
    from decisions
    inner join members on decisions.case_id = members.trigger_id
    where decisions.verb in ('close', 'reopen')
    union all
    select
        carrying.case_id,
        carrying.solved_at as happened_at,
        false as is_opening,
        'ticket' as cause,
        carrying.record_id as cause_id
    from carrying
    left join unfinished on carrying.case_id = unfinished.case_id
    where unfinished.case_id is null and carrying.solved_at is not null
    union all
    -- a ticket that came back: the case is open from then on, as far as the log says when
    select
        case_id,
        reopened_at as happened_at,
        true as is_opening,
        'ticket' as cause,
        record_id as cause_id
    from carrying
    where reopened_at is not null
),

ordered as (
    select
        *,
        lag(is_opening) over (partition by case_id order by happened_at, is_opening, cause, cause_id) as was_open,
        row_number() over (
            partition by case_id order by happened_at desc, is_opening desc, cause desc, cause_id desc
        ) as age
    from events
),

final as (
    select
        case_id,
        happened_at,
        is_opening,
        cause,
        cause_id,
        is_opening and coalesce(not was_open, false) as is_reopening,
        age
    from ordered
)

select * from final
