-- Grain: one row per ticket: declared by a ticket table, or seen only in the stage changes of a source without one.
-- A plain table: a ticket moves with its own record and with its stage changes, which have no owner to be touched by.
with

declared as (
    select * from {{ ref('stg_tickets') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

ticket_changes as (
    select
        source,
        brand,
        subject_id as ticket_id,
        stage,
        changed_at,
        record_id
    from {{ ref('stg_stage_changes') }}
    where subject_type = 'ticket'
),

-- ties in time are broken by the record's name, so that the last stage does not depend on the load
ordered_changes as (
    select
        *,
        row_number() over (
            partition by source, ticket_id order by changed_at desc, record_id desc
        ) as age,
        row_number() over (partition by source, ticket_id order by changed_at, record_id) as place
    from ticket_changes
),

logs as (
    select
        source,
        ticket_id,
        max(brand) as brand,
        count(*) as changes,
        count(*) filter (where {{ is_open_stage('stage') }} or {{ is_solved_stage('stage') }}) as plain_changes,
        min(changed_at) as opened_at,
        max(changed_at) as changed_at,
        max(case when age = 1 then stage end) as status,
        max(case when place = 1 and {{ is_solved_stage('stage') }} then 1 else 0 end) as begins_solved
    from ordered_changes
    group by source, ticket_id
),

moves as (
    select
        source,
        ticket_id,
        max(case when move = 'solved' then moved_at end) as solved_at,
        max(case when move = 'reopened' then moved_at end) as reopened_at,
        count(*) filter (where move = 'reopened') as reopens,
        max(case when age = 1 then move end) as last_move
    from {{ ref('int_service__ticket_moves') }}
    group by source, ticket_id
),

logged as (
    select
        logs.*,
        moves.solved_at,
        moves.reopened_at,
        moves.last_move,
        -- a log of codes cannot say whether a ticket came back
        case when logs.plain_changes > 0 then coalesce(moves.reopens, 0) end as reopens
    from logs
    left join moves on logs.source = moves.source and logs.ticket_id = moves.ticket_id
),

derived as (
    select logged.*
    from logged
    left join declared on logged.source = declared.source and logged.ticket_id = declared.ticket_id
    where declared.ticket_id is null
),

all_tickets as (
    select
        declared.ticket_id,
        declared.record_id,
        declared.source,
        declared.brand,
        owners.customer_id,
        declared.order_id,
        declared.opened_at,
        declared.first_reply_at,
        coalesce(declared.solved_at, logged.solved_at) as solved_at,
        declared.status,
        declared.priority,
        declared.channel,
        declared.category,
        declared.touchpoint,
        declared.subject,
        coalesce(lower(declared.case_id), {{ case_id_in('declared.subject') }}) as case_id,
        logged.changes,
        logged.reopens,
        logged.reopened_at,
        -- the source's own word goes before the stamp: a re-opened ticket keeps the time it was first solved
        case
            when {{ is_open_stage('declared.status') }} then true
            when {{ is_solved_stage('declared.status') }} then false
            else coalesce(declared.solved_at, case when logged.last_move = 'solved' then logged.solved_at end) is null
        end as is_open,
        0 as begins_solved
    from declared
    left join owners on declared.node_id = owners.node_id
    left join logged on declared.source = logged.source and declared.ticket_id = logged.ticket_id
    union all
    select
        ticket_id,
        source || '.stage~' || ticket_id as record_id,
        source,
        brand,
        cast(null as {{ sql_type('string') }}) as customer_id,
        cast(null as {{ sql_type('string') }}) as order_id,
        opened_at,
        cast(null as timestamp) as first_reply_at,
        -- a log of codes has no word for solved: its last change is taken as the end
        case when plain_changes > 0 then solved_at else changed_at end as solved_at,
        status,
        cast(null as {{ sql_type('string') }}) as priority,
        cast(null as {{ sql_type('string') }}) as channel,
        cast(null as {{ sql_type('string') }}) as category,
        cast(null as {{ sql_type('string') }}) as touchpoint,
        cast(null as {{ sql_type('string') }}) as subject,
        cast(null as {{ sql_type('string') }}) as case_id,
        changes,
        reopens,
        reopened_at,
        plain_changes > 0 and coalesce(last_move, 'reopened') = 'reopened' as is_open,
        begins_solved
    from derived
),

timed as (
    select
        *,
        -- a log that begins with the solution does not know how long it took
        case when not is_open and begins_solved = 0 then solved_at end as ended_at
    from all_tickets
),

final as (
    select
        ticket_id,
        record_id,
        source,
        brand,
        customer_id,
        order_id,
        opened_at,
        first_reply_at,
        solved_at,
        is_open,
        status,
        priority,
        channel,
        category,
        touchpoint,
        subject,
        cast({{ seconds_between('opened_at', 'first_reply_at') }} / 60 as double) as first_reply_minutes,
        cast({{ seconds_between('opened_at', 'ended_at') }} / 3600 as double) as resolution_hours,
        changes,
        cast({{ seconds_between('opened_at', 'ended_at') }} / 60 as double) as resolution_minutes,
        reopens,
        reopened_at,
        case when status = 'reopened' then true else reopens > 0 end as is_reopened,
        case_id
    from timed
)

select * from final
