-- Grain: one row per pipeline and stage that ends no deal: how many deals came into it, how many of them were won within
-- `sales.mature_after`, and the chance that is given to an open one. Deals that have not had that long say nothing yet, and
-- deals that lie still count as not won: of ended ones alone the share would flatter.
with

settings as (
    select
        sales.mature_days,
        clock.as_of
    from {{ ref('config_sales') }} as sales
    cross join {{ ref('run_clock') }} as clock
),

deals as (
    select * from {{ ref('int_sales__deals') }}
),

declared as (
    select * from {{ ref('config_deal_stages') }}
),

entries as (
    select
        stages.pipeline,
        stages.stage,
        stages.stage_order,
        coalesce(stages.entered_at + settings.mature_days * interval 1 day <= settings.as_of, false) as is_mature,
        case
            when deals.ended_at <= stages.entered_at + settings.mature_days * interval 1 day then deals.outcome
        end as outcome
    from {{ ref('deal_stages') }} as stages
    cross join settings
    inner join deals on stages.record_id = deals.record_id
    where stages.visit_no = 1 and not stages.is_won_stage and not stages.is_lost_stage
),

-- a stage that no deal is known to have entered may hold deals now
present as (
    select
        pipeline,
        stage,
        min(stage_order) as stage_order
    from deals
    where outcome = 'open' and stage is not null
    group by pipeline, stage
),

counted as (
    select
        pipeline,
        stage,
        min(stage_order) as stage_order,
        count(*) as entered,
        count(*) filter (where is_mature) as n,
        count(*) filter (where is_mature and outcome = 'won') as won,
        count(*) filter (where is_mature and outcome = 'lost') as lost
    from entries
    group by pipeline, stage
),

joined as (
    select
        coalesce(counted.pipeline, present.pipeline) as pipeline,
        coalesce(counted.stage, present.stage) as stage,
        coalesce(counted.stage_order, present.stage_order) as stage_order,
        coalesce(counted.entered, 0) as entered,
        coalesce(counted.n, 0) as n,
        coalesce(counted.won, 0) as won,
        coalesce(counted.lost, 0) as lost
    from counted
    full outer join present
        on coalesce(counted.pipeline, '') = coalesce(present.pipeline, '') and counted.stage = present.stage
),

measured as (
    select
        joined.*,
        case when joined.n >= {{ var('min_sample') }} then {{ share_of('joined.won', 'joined.n') }} end
            as measured_probability,
        coalesce(own.probability, plain.probability) as declared_probability
    from joined
    left join declared as own on joined.stage = own.stage and joined.pipeline = own.pipeline
    left join declared as plain on joined.stage = plain.stage and plain.pipeline is null
),

final as (
    select
        pipeline,
        stage,
        cast(stage_order as integer) as stage_order,
        cast(entered as bigint) as entered,
        cast(n as bigint) as n,
        cast(won as bigint) as won,
        cast(lost as bigint) as lost,
        cast({{ share_of('won', 'n') }} as double) as won_share,
        cast({{ share_low('won', 'n') }} as double) as won_share_low,
        cast({{ share_high('won', 'n') }} as double) as won_share_high,
        cast(coalesce(declared_probability, measured_probability) as double) as probability,
        case
            when declared_probability is not null then 'declared'
            when measured_probability is not null then 'measured'
        end as probability_basis
    from measured
)

select * from final
