{{ config(schema='customer') }}
-- Grain: one row per move of a ticket between open and solved that its source's log shows in plain stage words.
-- The first known stage is a move only where it is solved: being open is how a ticket begins.
with

stages as (
    select
        source,
        subject_id as ticket_id,
        record_id,
        changed_at,
        case
            when {{ is_solved_stage('stage') }} then 'solved'
            when {{ is_open_stage('stage') }} then 'open'
        end as side
    from {{ ref('stg_stage_changes') }}
    where subject_type = 'ticket'
),

-- from solved to closed, or from open to pending, nothing moves; ties in time go by the record's name
sided as (
    select
        *,
        lag(side) over (partition by source, ticket_id order by changed_at, record_id) as side_before
    from stages
    where side is not null
),

final as (
    select
        source,
        ticket_id,
        record_id,
        changed_at as moved_at,
        case when side = 'open' then 'reopened' else 'solved' end as move,
        row_number() over (partition by source, ticket_id order by changed_at desc, record_id desc) as age
    from sided
    where side <> coalesce(side_before, 'open')
)

select * from final
