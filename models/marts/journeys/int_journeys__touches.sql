{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_customers',
) }}
-- Grain: one row per journey, stage and touch that fits the stage's condition, with the touch that would come next: the
-- first later one that fits the stage after it; for the goal, the first later one that begins the journey again.
with

stages as (
    select * from {{ ref('config_journeys') }}
),

touches as (
    select
        touch_id,
        customer_id,
        occurred_at,
        kind,
        touchpoint,
        channel,
        detail,
        is_by_customer
    from {{ ref('customer_touches') }}
    where
        kind in (select kind from {{ ref('config_journeys') }})
        and {{ is_touched_customer('customer_id') }}
),

fitting as (
    select distinct
        stages.journey,
        stages.stages,
        stages.stage_no,
        touches.customer_id,
        touches.occurred_at,
        touches.touch_id
    from touches
    inner join stages on touches.kind = stages.kind
    where
        -- visits of robots are touches, and lead nobody anywhere
        (touches.kind <> 'session' or touches.is_by_customer)
        and (stages.touchpoint is null or touches.touchpoint = stages.touchpoint)
        and (stages.channel is null or touches.channel = stages.channel)
        and (stages.detail is null or touches.detail = stages.detail)
        and (
            stages.detail_start is null
            or substr(touches.detail, 1, length(stages.detail_start)) = stages.detail_start
        )
        and (stages.is_by_customer is null or touches.is_by_customer = stages.is_by_customer)
),

-- one order of a customer's touches: by time, equal times by name
placed as (
    select
        *,
        dense_rank() over (partition by journey, customer_id order by occurred_at, touch_id) as place
    from fitting
),

-- every touch twice: as the end of the step from the stage before it, and as the beginning of the step to the next
paired as (
    select
        journey,
        customer_id,
        stage_no,
        place,
        occurred_at,
        touch_id,
        stage_no as step_no,
        cast(null as bigint) as target_place,
        1 as turn
    from placed
    union all
    select
        journey,
        customer_id,
        stage_no,
        place,
        occurred_at,
        touch_id,
        case when stage_no = 1 then stages else stage_no - 1 end as step_no,
        place as target_place,
        0 as turn
    from placed
),

-- a touch cannot follow itself: where it fits both stages its end comes first, so that only later ones are seen
followed as (
    select
        *,
        min(target_place) over (
            partition by journey, customer_id, step_no
            order by place, turn
            rows between 1 following and unbounded following
        ) as next_place
    from paired
),

final as (
    select
        journey,
        customer_id,
        cast(stage_no as integer) as stage_no,
        place,
        occurred_at,
        touch_id,
        next_place
    from followed
    where turn = 1
)

select * from final
