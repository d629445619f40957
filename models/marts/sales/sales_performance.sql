-- Grain: one row per basis (deals by the month they ended, or by the month they were created), pipeline and month;
-- month null = all months. By creation, a win counts within `sales.mature_after`, so that cohorts of any age compare;
-- younger cohorts are null.
with

settings as (
    select
        sales.mature_days,
        clock.as_of
    from {{ ref('config_sales') }} as sales
    cross join {{ ref('run_clock') }} as clock
),

deals as (
    select
        *,
        {{ seconds_between('created_at', 'ended_at') }} as seconds_to_close,
        case when is_reporting_currency then amount end as value
    from {{ ref('int_sales__deals') }}
),

ended as (
    select
        'ended' as basis,
        deals.pipeline,
        {{ local_month('deals.ended_at') }} as month_start,
        deals.outcome,
        deals.seconds_to_close,
        deals.value,
        {{ is_mature_cohort(local_month('deals.ended_at'), 0, 'settings.as_of') }} as is_mature
    from deals
    cross join settings
    where deals.outcome <> 'open' and deals.ended_at <= settings.as_of
),

created as (
    select
        'created' as basis,
        deals.pipeline,
        {{ local_month('deals.created_at') }} as month_start,
        case
            when deals.ended_at <= deals.created_at + settings.mature_days * interval 1 day then deals.outcome
            else 'open'
        end as outcome,
        deals.seconds_to_close,
        deals.value,
        {{ is_mature_cohort(local_month('deals.created_at'), 'settings.mature_days', 'settings.as_of') }} as is_mature
    from deals
    cross join settings
    where deals.created_at <= settings.as_of
),

united as (
    select * from ended
    union all
    select * from created
),

-- the whole is made of what can be judged: every ended deal, or the cohorts that are old enough
cells as (
    select * from united
    union all
    select
        basis,
        pipeline,
        cast(null as date) as month_start,
        outcome,
        seconds_to_close,
        value,
        true as is_mature
    from united
    where basis = 'ended' or is_mature
),

counted as (
    select
        basis,
        pipeline,
        month_start,
        bool_and(is_mature) as is_mature,
        -- a running month of endings can be read; a young cohort cannot
        basis = 'ended' or bool_and(is_mature) as is_shown,
        count(*) as deals,
        count(*) filter (where outcome = 'won') as won,
        count(*) filter (where outcome = 'lost') as lost,
        count(*) filter (where outcome = 'won' and value is not null) as valued_won,
        sum(value) filter (where outcome = 'won') as won_amount,
        {{ mean_days('seconds_to_close', "outcome = 'won'") }} as mean_days_to_win,
        median(seconds_to_close) filter (where outcome = 'won') / 86400 as median_days_to_win
    from cells
    group by basis, pipeline, month_start
),

final as (
    select
        basis,
        pipeline,
        month_start,
        is_mature,
        deals,
        case when is_shown then won end as won,
        case when is_shown then lost end as lost,
        cast(case when is_shown then {{ share_of('won', 'deals') }} end as double) as win_rate,
        cast(case when is_shown then {{ share_low('won', 'deals') }} end as double) as win_rate_low,
        cast(case when is_shown then {{ share_high('won', 'deals') }} end as double) as win_rate_high,
        deals >= {{ var('min_sample') }} as enough_n,
        case when is_shown then valued_won end as valued_won,
        cast(case when is_shown then won_amount end as decimal(18, 2)) as won_amount,
        cast(case when is_shown then won_amount / nullif(valued_won, 0) end as decimal(18, 2)) as mean_won_amount,
        cast(case when is_shown then mean_days_to_win end as double) as mean_days_to_win,
        cast(case when is_shown then median_days_to_win end as double) as median_days_to_win,
        -- deals x win rate x mean amount / mean days: what the deals of the cell bring in per day of their way
        cast(
            case
                when is_shown
                    then cast(won as double) * (won_amount / nullif(valued_won, 0)) / nullif(mean_days_to_win, 0)
            end as double
        ) as velocity_per_day
    from counted
)

select * from final
