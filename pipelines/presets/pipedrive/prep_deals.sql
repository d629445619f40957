-- Grain: one row per delivered deal, with its status as a yes or no.
-- Reads: id, person_id, org_id, title, pipeline_id, stage_id, value, currency, owner_id, add_time, update_time, close_time, expected_close_date, status, lost_reason, is_deleted
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'deals') }}
),

final as (
    select
        *,
        case when lower(status) = 'won' then 'true' when status <> '' then 'false' end as is_won
    from source
)

select * from final
