{{ config(schema='customer') }}
-- Grain: one row per ticket and thing that happened to it: opened, replied, solved, re-opened; `resolved` for good.
with

tickets as (
    select * from {{ ref('tickets') }}
),

moves as (
    select * from {{ ref('int_service__ticket_moves') }}
),

solved_in_log as (
    select distinct
        source,
        ticket_id
    from moves
    where move = 'solved'
),

-- `change` is what a fact does to the backlog. A ticket that ended nobody knows when is in none. Where the last move of
-- the log contradicts the ticket's present state, the state holds.
final as (
    select
        source,
        ticket_id,
        channel,
        priority,
        'opened' as fact,
        {{ local_date('opened_at') }} as happened_on,
        case when is_open or solved_at is not null then 1 else 0 end as change,
        cast(null as bigint) as micros
    from tickets
    union all
    select
        source,
        ticket_id,
        channel,
        priority,
        'replied' as fact,
        {{ local_date('first_reply_at') }} as happened_on,
        0 as change,
        {{ micros_between('opened_at', 'first_reply_at') }} as micros
    from tickets
    where first_reply_at is not null
    union all
    select
        source,
        ticket_id,
        channel,
        priority,
        'resolved' as fact,
        {{ local_date('solved_at') }} as happened_on,
        0 as change,
        {{ micros_between('opened_at', 'solved_at') }} as micros
    from tickets
    where resolution_minutes is not null
    union all
    select
        tickets.source,
        tickets.ticket_id,
        tickets.channel,
        tickets.priority,
        'solved' as fact,
        {{ local_date('tickets.solved_at') }} as happened_on,
        -1 as change,
        cast(null as bigint) as micros
    from tickets
    left join solved_in_log
        on tickets.source = solved_in_log.source and tickets.ticket_id = solved_in_log.ticket_id
    where solved_in_log.ticket_id is null and tickets.solved_at is not null and not tickets.is_open
    union all
    select
        tickets.source,
        tickets.ticket_id,
        tickets.channel,
        tickets.priority,
        moves.move as fact,
        {{ local_date('moves.moved_at') }} as happened_on,
        case
            when moves.age = 1 and moves.move = 'reopened' and not tickets.is_open then 0
            when moves.move = 'reopened' then 1
            else -1
        end as change,
        cast(null as bigint) as micros
    from tickets
    inner join moves on tickets.source = moves.source and tickets.ticket_id = moves.ticket_id
    where not (moves.age = 1 and moves.move = 'solved' and tickets.is_open)
)

select * from final
