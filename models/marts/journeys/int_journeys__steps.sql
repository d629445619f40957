{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_customers',
) }}
-- Grain: one row per journey, customer, pass and stage reached. A pass begins at an entry touch: the first one; with
-- reentry `always` every one, and a pass ends where the next begins; with `after_goal` the first after a goal reached.
with recursive

declared as (
    select distinct
        journey,
        reentry,
        stages,
        stage_no,
        within_days
    from {{ ref('config_journeys') }}
),

touches as (
    select *
    from {{ ref('int_journeys__touches') }}
    where {{ is_touched_customer('customer_id') }}
),

entries as (
    select
        touches.journey,
        touches.customer_id,
        touches.place,
        touches.occurred_at,
        touches.touch_id,
        touches.next_place,
        declared.reentry,
        row_number() over (partition by touches.journey, touches.customer_id order by touches.place) as pass_no,
        lead(touches.place) over (partition by touches.journey, touches.customer_id order by touches.place)
            as next_entry_place
    from touches
    inner join declared on touches.journey = declared.journey and touches.stage_no = declared.stage_no
    where touches.stage_no = 1
),

-- where a touch of a stage leads to, if in time
links as (
    select
        touches.journey,
        touches.customer_id,
        touches.stage_no,
        touches.place,
        later.stage_no as next_stage_no,
        later.place as next_place,
        later.occurred_at as next_at,
        later.touch_id as next_touch_id,
        case when later.stage_no = 1 then 1 else 0 end as passes
    from touches
    inner join declared on touches.journey = declared.journey and touches.stage_no = declared.stage_no
    inner join touches as later
        on
            touches.journey = later.journey
            and touches.customer_id = later.customer_id
            and touches.next_place = later.place
            and case when touches.stage_no = declared.stages then 1 else touches.stage_no + 1 end = later.stage_no
    inner join declared as next_stage on later.journey = next_stage.journey and later.stage_no = next_stage.stage_no
    where
        (later.stage_no > 1 or declared.reentry = 'after_goal')
        and (
            next_stage.within_days is null
            or later.occurred_at <= touches.occurred_at + next_stage.within_days * interval 1 day
        )
),

reached as (
    select
        journey,
        customer_id,
        cast(pass_no as bigint) as pass_no,
        cast(1 as integer) as stage_no,
        place,
        occurred_at as reached_at,
        touch_id,
        -- the touch that begins the next pass may still be a stage of this one
        case when reentry = 'always' then next_entry_place end as last_place
    from entries
    where pass_no = 1 or reentry = 'always'
    union all
    select
        reached.journey,
        reached.customer_id,
        reached.pass_no + links.passes as pass_no,
        links.next_stage_no as stage_no,
        links.next_place as place,
        links.next_at as reached_at,
        links.next_touch_id as touch_id,
        reached.last_place
    from reached
    inner join links
        on
            reached.journey = links.journey
            and reached.customer_id = links.customer_id
            and reached.stage_no = links.stage_no
            and reached.place = links.place
    where reached.last_place is null or links.next_place <= reached.last_place
),

final as (
    select
        journey,
        customer_id,
        pass_no,
        stage_no,
        reached_at,
        touch_id
    from reached
)

select * from final
