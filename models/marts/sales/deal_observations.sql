{{ config(
    schema='customer',
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per deal and change of its stage or close date that a build saw. Memory: append-only, a full refresh keeps it.
-- Only deals whose source does not date its versions: for the others the versions themselves are the history. The first
-- row of a deal is where our knowledge of it begins. What is new is read off the table itself, so that a build that was
-- killed after writing adds nothing when redone.
with

deals as (
    select
        record_id,
        source,
        stage,
        closed_at
    from {{ ref('stg_deals') }}
    where record_updated_at is null
),

observations as (
    {% if is_incremental() %}
    select
        record_id,
        stage,
        closed_at,
        observation_no
    from {{ this }}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as record_id,
        cast(null as {{ sql_type('string') }}) as stage,
        cast(null as timestamp) as closed_at,
        cast(null as bigint) as observation_no
    where false
    {% endif %}
),

ranked as (
    select
        *,
        row_number() over (partition by record_id order by observation_no desc) as age
    from observations
),

latest as (
    select *
    from ranked
    where age = 1
),

final as (
    select
        deals.record_id,
        deals.source,
        deals.stage,
        deals.closed_at,
        cast(coalesce(latest.observation_no, 0) + 1 as bigint) as observation_no,
        clock.as_of as observed_at,
        clock.run_id
    from deals
    cross join {{ ref('run_clock') }} as clock
    left join latest on deals.record_id = latest.record_id
    where
        latest.record_id is null
        or deals.stage is distinct from latest.stage
        or deals.closed_at is distinct from latest.closed_at
)

select * from final
