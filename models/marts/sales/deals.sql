-- Grain: one row per deal, as its source has it now.
-- A plain table: a deal moves with its own record and with its stage changes, which have no owner to be touched by; ages
-- are counted to as_of.
with

deals as (
    select * from {{ ref('int_sales__deals') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

present as (
    select
        record_id,
        stage,
        entered_at
    from {{ ref('deal_stages') }}
    where is_last
),

chances as (
    select * from {{ ref('sales_stages') }}
),

-- A promise is a close date of a deal that had not ended; the one an ended deal shows is when it ended.
promises as (
    select
        states.record_id,
        states.state_no,
        states.closed_at,
        {{ seconds_between(midnight('states.previous_closed_at'), midnight('states.closed_at')) }} / 86400 as moved_days
    from {{ ref('int_sales__deal_states') }} as states
    inner join deals on states.record_id = deals.record_id
    where states.closed_at is not null and (deals.outcome = 'open' or states.stage is distinct from deals.stage)
),

slips as (
    select
        record_id,
        min_by({{ local_date('closed_at') }}, state_no) as first_promise,
        count(*) filter (where moved_days > 0) as slips,
        coalesce(sum(moved_days) filter (where moved_days > 0), 0) as slipped_days
    from promises
    group by record_id
),

final as (
    select
        deals.deal_id,
        deals.record_id,
        deals.source,
        deals.brand,
        deals.customer_id,
        deals.name,
        deals.pipeline,
        deals.stage,
        cast(deals.stage_order as integer) as stage_order,
        deals.amount,
        deals.currency,
        deals.owner,
        deals.created_at,
        deals.closed_at,
        deals.is_won,
        deals.outcome,
        deals.ended_at,
        deals.last_change_at,
        deals.changes,
        present.entered_at as stage_entered_at,
        case
            when deals.outcome = 'open'
                then cast({{ seconds_between('deals.created_at', 'clock.as_of') }} / 86400 as double)
        end as age_days,
        case
            when deals.outcome = 'open'
                then cast({{ seconds_between('present.entered_at', 'clock.as_of') }} / 86400 as double)
        end as days_in_stage,
        cast({{ seconds_between('deals.created_at', 'deals.ended_at') }} / 86400 as double) as days_to_close,
        slips.first_promise as first_close_on,
        case when deals.outcome = 'open' then {{ local_date('deals.closed_at') }} end as expected_close_on,
        cast(slips.slips as bigint) as slips,
        cast(slips.slipped_days as bigint) as slipped_days,
        -- a deal without an expected close is not on time, it is unplanned
        case when deals.outcome = 'open' then deals.closed_at < clock.as_of end as is_overdue,
        case when deals.outcome = 'open' then chances.probability end as probability,
        case when deals.outcome = 'open' then chances.probability_basis end as probability_basis,
        cast(case when deals.outcome = 'open' then deals.amount * chances.probability end as decimal(18, 2))
            as weighted_amount
    from deals
    cross join clock
    left join present on deals.record_id = present.record_id and deals.stage = present.stage
    left join slips on deals.record_id = slips.record_id
    left join chances
        on coalesce(deals.pipeline, '') = coalesce(chances.pipeline, '') and deals.stage = chances.stage
)

select * from final
