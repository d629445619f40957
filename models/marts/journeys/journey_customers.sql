-- Grain: one row per journey, customer and pass: how far they have come; `is_latest` keeps one per journey and customer.
-- A plain table: who is waiting and who has dropped out follows from as_of.
with

declared as (
    select distinct
        journey,
        reentry,
        stages,
        stage_no,
        stage,
        within_days
    from {{ ref('config_journeys') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

passes as (
    select
        steps.journey,
        steps.customer_id,
        steps.pass_no,
        max(steps.stage_no) as stage_no,
        min(steps.reached_at) as entered_at,
        max(steps.reached_at) as reached_at
    from {{ ref('int_journeys__steps') }} as steps
    cross join clock
    where steps.reached_at <= clock.as_of
    group by steps.journey, steps.customer_id, steps.pass_no
),

followed as (
    select
        *,
        lead(entered_at) over (partition by journey, customer_id order by pass_no) as next_entered_at
    from passes
),

judged as (
    select
        followed.journey,
        followed.customer_id,
        followed.pass_no,
        followed.next_entered_at is null as is_latest,
        followed.entered_at,
        followed.stage_no,
        present.stage,
        followed.reached_at,
        followed.stage_no = present.stages as is_goal,
        next_stage.stage as next_stage,
        clock.as_of,
        followed.reached_at + next_stage.within_days * interval 1 day as next_due_at,
        case
            when followed.stage_no = present.stages then 'goal'
            when
                followed.next_entered_at is not null
                or followed.reached_at + next_stage.within_days * interval 1 day < clock.as_of
                then 'dropped'
            else 'waiting'
        end as status
    from followed
    cross join clock
    inner join declared as present on followed.journey = present.journey and followed.stage_no = present.stage_no
    left join declared as next_stage
        on followed.journey = next_stage.journey and followed.stage_no + 1 = next_stage.stage_no
),

final as (
    select
        journey || ':' || customer_id || '#' || cast(pass_no as {{ sql_type('string') }}) as journey_pass_id,
        journey,
        customer_id,
        pass_no,
        is_latest,
        entered_at,
        cast(stage_no as integer) as stage_no,
        stage,
        reached_at,
        status,
        is_goal,
        next_stage,
        case when status = 'waiting' then next_due_at end as next_due_at,
        case
            when status = 'waiting' then cast({{ seconds_between('reached_at', 'as_of') }} / 86400 as double)
        end as days_in_stage,
        case
            when is_goal then cast({{ seconds_between('entered_at', 'reached_at') }} / 86400 as double)
        end as days_to_goal
    from judged
)

select * from final
