-- Grain: one row per pipeline, stage and month in which deals first came into it: what became of them within
-- `sales.mature_after`. Cohorts that have not had that long are null, not low.
with

settings as (
    select
        sales.mature_days,
        clock.as_of
    from {{ ref('config_sales') }} as sales
    cross join {{ ref('run_clock') }} as clock
),

entries as (
    select * from {{ ref('deal_stages') }}
),

deals as (
    select
        record_id,
        outcome,
        ended_at
    from {{ ref('int_sales__deals') }}
),

first_entries as (
    select
        entries.*,
        {{ local_month('entries.entered_at') }} as cohort_month,
        entries.entered_at + settings.mature_days * interval 1 day as judged_at,
        settings.mature_days,
        settings.as_of
    from entries
    cross join settings
    where
        entries.visit_no = 1
        and entries.entered_at is not null
        and not entries.is_won_stage
        and not entries.is_lost_stage
),

-- onward: into a later stage of the declared order, one that is skipped to included; back and forth does not count
onward as (
    select
        first_entries.deal_stage_id,
        min(later.entered_at) as moved_on_at
    from first_entries
    inner join entries as later
        on
            first_entries.record_id = later.record_id
            and first_entries.entry_no < later.entry_no
            and first_entries.stage_order < later.stage_order
    where not later.is_lost_stage
    group by first_entries.deal_stage_id
),

judged as (
    select
        first_entries.pipeline,
        first_entries.stage,
        first_entries.stage_order,
        first_entries.cohort_month,
        {{ is_mature_cohort('first_entries.cohort_month', 'first_entries.mature_days', 'first_entries.as_of') }}
            as is_mature,
        coalesce(deals.outcome = 'won' and deals.ended_at <= first_entries.judged_at, false) as is_won,
        coalesce(deals.outcome = 'lost' and deals.ended_at <= first_entries.judged_at, false) as is_lost,
        coalesce(onward.moved_on_at <= first_entries.judged_at, false) as has_moved_on,
        {{ seconds_between('first_entries.entered_at', 'onward.moved_on_at') }} / 86400 as days_to_move_on
    from first_entries
    inner join deals on first_entries.record_id = deals.record_id
    left join onward on first_entries.deal_stage_id = onward.deal_stage_id
),

counted as (
    select
        pipeline,
        stage,
        min(stage_order) as stage_order,
        cohort_month,
        bool_and(is_mature) as is_mature,
        count(*) as entered,
        -- a deal won without a log of the stages between has moved on all the same; without an order nobody can tell
        case when min(stage_order) is not null then count(*) filter (where has_moved_on or is_won) end as moved_on,
        count(*) filter (where is_won) as won,
        count(*) filter (where is_lost) as lost,
        median(days_to_move_on) filter (where has_moved_on) as median_days
    from judged
    group by pipeline, stage, cohort_month
),

final as (
    select
        pipeline,
        stage,
        cast(stage_order as integer) as stage_order,
        cohort_month,
        is_mature,
        entered,
        case when is_mature then moved_on end as moved_on,
        case when is_mature then won end as won,
        case when is_mature then lost end as lost,
        cast(case when is_mature then {{ share_of('moved_on', 'entered') }} end as double) as moved_on_share,
        cast(case when is_mature then {{ share_low('moved_on', 'entered') }} end as double) as moved_on_low,
        cast(case when is_mature then {{ share_high('moved_on', 'entered') }} end as double) as moved_on_high,
        cast(case when is_mature then {{ share_of('won', 'entered') }} end as double) as won_share,
        cast(case when is_mature then {{ share_low('won', 'entered') }} end as double) as won_low,
        cast(case when is_mature then {{ share_high('won', 'entered') }} end as double) as won_high,
        cast(case when is_mature then median_days end as double) as median_days_to_move_on,
        entered >= {{ var('min_sample') }} as enough_n
    from counted
)

select * from final
