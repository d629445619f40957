-- Grain: one row per journey and stage: how many passes came there, how many went on, and how long that took.
-- Where the next stage has a time limit, only passes that have had it are judged: the young ones are waiting, not lost.
with

declared as (
    select distinct
        journey,
        stages,
        stage_no,
        stage,
        within_days
    from {{ ref('config_journeys') }}
),

steps as (
    select
        steps.*,
        clock.as_of
    from {{ ref('int_journeys__steps') }} as steps
    cross join {{ ref('run_clock') }} as clock
    where steps.reached_at <= clock.as_of
),

passes as (
    select
        journey,
        customer_id,
        pass_no,
        status
    from {{ ref('journey_customers') }}
),

judged as (
    select
        steps.journey,
        steps.stage_no,
        steps.customer_id,
        later.reached_at is not null as has_moved_on,
        later.reached_at is null and passes.status = 'waiting' as is_waiting,
        later.reached_at is null and passes.status = 'dropped' as is_dropped,
        coalesce(steps.reached_at + next_stage.within_days * interval 1 day < steps.as_of, true) as is_mature,
        {{ seconds_between('steps.reached_at', 'later.reached_at') }} as seconds_to_next
    from steps
    inner join passes
        on
            steps.journey = passes.journey
            and steps.customer_id = passes.customer_id
            and steps.pass_no = passes.pass_no
    left join steps as later
        on
            steps.journey = later.journey
            and steps.customer_id = later.customer_id
            and steps.pass_no = later.pass_no
            and steps.stage_no + 1 = later.stage_no
    left join declared as next_stage
        on steps.journey = next_stage.journey and steps.stage_no + 1 = next_stage.stage_no
),

counted as (
    select
        journey,
        stage_no,
        count(*) as reached,
        count(distinct customer_id) as customers,
        count(*) filter (where has_moved_on) as moved_on,
        count(*) filter (where is_waiting) as waiting,
        count(*) filter (where is_dropped) as dropped,
        count(*) filter (where is_mature) as n,
        count(*) filter (where is_mature and has_moved_on) as converted,
        median(seconds_to_next) / 86400 as median_days_to_next,
        {{ mean_days('seconds_to_next', 'has_moved_on') }} as mean_days_to_next
    from judged
    group by journey, stage_no
),

joined as (
    select
        declared.journey,
        declared.stage_no,
        declared.stage,
        declared.stage_no = declared.stages as is_goal,
        coalesce(counted.reached, 0) as reached,
        coalesce(counted.customers, 0) as customers,
        coalesce(counted.moved_on, 0) as moved_on,
        coalesce(counted.waiting, 0) as waiting,
        coalesce(counted.dropped, 0) as dropped,
        coalesce(counted.n, 0) as n,
        coalesce(counted.converted, 0) as converted,
        counted.median_days_to_next,
        counted.mean_days_to_next,
        coalesce(first_value(counted.reached) over (partition by declared.journey order by declared.stage_no), 0)
            as entered
    from declared
    left join counted on declared.journey = counted.journey and declared.stage_no = counted.stage_no
),

final as (
    select
        journey || '/' || cast(stage_no as {{ sql_type('string') }}) as journey_stage_key,
        journey,
        cast(stage_no as integer) as stage_no,
        stage,
        is_goal,
        cast(reached as bigint) as reached,
        cast(customers as bigint) as customers,
        cast({{ share_of('reached', 'entered') }} as double) as share_of_entered,
        case when not is_goal then cast(moved_on as bigint) end as moved_on,
        case when not is_goal then cast(waiting as bigint) end as waiting,
        case when not is_goal then cast(dropped as bigint) end as dropped,
        case when not is_goal then cast(n as bigint) end as n,
        case when not is_goal then cast(converted as bigint) end as converted,
        cast(case when not is_goal then {{ share_of('converted', 'n') }} end as double) as conversion,
        cast(case when not is_goal then {{ share_low('converted', 'n') }} end as double) as conversion_low,
        cast(case when not is_goal then {{ share_high('converted', 'n') }} end as double) as conversion_high,
        cast(case when not is_goal then 1 - {{ share_of('converted', 'n') }} end as double) as drop_off,
        case when not is_goal then n >= {{ var('min_sample') }} end as enough_n,
        cast(case when not is_goal then median_days_to_next end as double) as median_days_to_next,
        cast(case when not is_goal then mean_days_to_next end as double) as mean_days_to_next
    from joined
)

select * from final
