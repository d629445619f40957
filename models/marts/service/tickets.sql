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
        ) as age
    from ticket_changes
),

logs as (
    select
        source,
        ticket_id,
        max(brand) as brand,
        count(*) as changes,
        min(changed_at) as opened_at,
        max(changed_at) as solved_at,
        max(case when age = 1 then stage end) as status
    from ordered_changes
    group by source, ticket_id
),

derived as (
    select logs.*
    from logs
    left join declared on logs.source = declared.source and logs.ticket_id = declared.ticket_id
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
        declared.solved_at,
        declared.status,
        declared.priority,
        declared.channel,
        declared.category,
        declared.touchpoint,
        declared.subject,
        logs.changes,
        -- the source's own word goes before the stamp: a re-opened ticket keeps the time it was first solved
        case
            when
                declared.status in (
                    'new', 'open', 'pending', 'hold', 'on_hold', 'on-hold', 'waiting', 'in_progress', 'reopened'
                )
                then true
            when
                declared.status in (
                    'solved', 'resolved', 'closed', 'done', 'cancelled', 'canceled', 'merged', 'spam'
                )
                then false
            else declared.solved_at is null
        end as is_open
    from declared
    left join owners on declared.node_id = owners.node_id
    left join logs on declared.source = logs.source and declared.ticket_id = logs.ticket_id
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
        solved_at,
        status,
        cast(null as {{ sql_type('string') }}) as priority,
        cast(null as {{ sql_type('string') }}) as channel,
        cast(null as {{ sql_type('string') }}) as category,
        cast(null as {{ sql_type('string') }}) as touchpoint,
        cast(null as {{ sql_type('string') }}) as subject,
        changes,
        -- a bare log has no word for solved: its last change is taken as the end
        false as is_open
    from derived
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
        cast(case when not is_open then {{ seconds_between('opened_at', 'solved_at') }} / 3600 end as double)
            as resolution_hours,
        changes
    from all_tickets
)

select * from final
