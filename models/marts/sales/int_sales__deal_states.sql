{{ config(schema='customer') }}
-- Grain: one row per deal and state (stage and close date) it was in, in order; equal neighbours are one state.
-- Dated versions of the record where its source dates them, else what builds have observed since the first load.
with

versions as (
    select
        record_id,
        stage,
        closed_at,
        updated_at as seen_at,
        version_no as place,
        'version' as basis
    from {{ ref('stg_deal_versions') }}
),

observations as (
    select
        record_id,
        stage,
        closed_at,
        observed_at as seen_at,
        observation_no as place,
        'observation' as basis
    from {{ ref('deal_observations') }}
    -- a source that has begun to date its versions is believed from then on
    where record_id not in (select record_id from versions)
),

united as (
    select * from versions
    union all
    select * from observations
),

followed as (
    select
        *,
        lag(place) over (partition by record_id order by place) as previous_place,
        lag(stage) over (partition by record_id order by place) as previous_stage,
        lag(closed_at) over (partition by record_id order by place) as previous_closed_at
    from united
),

deals as (
    select
        record_id,
        created_at
    from {{ ref('int_sales__deals') }}
),

final as (
    select
        followed.record_id,
        row_number() over (partition by followed.record_id order by followed.place) as state_no,
        followed.stage,
        followed.closed_at,
        followed.previous_stage,
        followed.previous_closed_at,
        -- when a deal first seen in the middle of its life came into its stage is not known
        case
            when followed.previous_place is not null then followed.seen_at
            when followed.seen_at <= deals.created_at + interval 1 day then deals.created_at
        end as changed_at,
        followed.basis
    from followed
    inner join deals on followed.record_id = deals.record_id
    where
        followed.previous_place is null
        or followed.stage is distinct from followed.previous_stage
        or followed.closed_at is distinct from followed.previous_closed_at
)

select * from final
