-- Grain: one row per delivered history row, with the stage before it.
-- Reads: Id, OpportunityId, StageName, CreatedDate
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'opportunity_history') }}
),

-- a row that is delivered again stands beside its first delivery and follows it
followed as (
    select
        *,
        lag("StageName") over (
            partition by "OpportunityId" order by "CreatedDate", "Id", _cdp_load_seq, _cdp_file, _cdp_position
        ) as from_stage
    from source
),

final as (
    select
        *,
        -- a new amount or close date is a history row too, and no change of stage
        case when from_stage = "StageName" then 'deal_update' else 'deal' end as subject_type
    from followed
)

select * from final
