-- Grain: one row per pipeline, stage and currency with open deals.
with

open_deals as (
    select *
    from {{ ref('deals') }}
    where outcome = 'open'
),

chances as (
    select * from {{ ref('sales_stages') }}
),

counted as (
    select
        pipeline,
        stage,
        currency,
        count(*) as open_deals,
        count(amount) as valued_deals,
        sum(amount) as amount,
        -- a part with a known chance is not the whole
        case when count(weighted_amount) = count(amount) then sum(weighted_amount) end as weighted_amount,
        median(days_in_stage) as median_days_in_stage,
        count(days_in_stage) as dated_deals,
        count(*) filter (where is_overdue) as overdue_deals,
        count(expected_close_on) as planned_deals,
        count(*) filter (where slips > 0) as slipped_deals
    from open_deals
    group by pipeline, stage, currency
),

final as (
    select
        counted.pipeline,
        counted.stage,
        counted.currency,
        chances.stage_order,
        counted.open_deals,
        counted.valued_deals,
        cast(counted.amount as decimal(18, 2)) as amount,
        chances.probability,
        chances.probability_basis,
        chances.n as probability_n,
        cast(counted.weighted_amount as decimal(18, 2)) as weighted_amount,
        cast(counted.median_days_in_stage as double) as median_days_in_stage,
        counted.dated_deals,
        counted.overdue_deals,
        counted.planned_deals,
        counted.slipped_deals
    from counted
    left join chances
        on coalesce(counted.pipeline, '') = coalesce(chances.pipeline, '') and counted.stage = chances.stage
)

select * from final
