-- Grain: one row per delivered change of an opportunity's field.
-- Reads: Id, OpportunityId, Field, OldValue, NewValue, CreatedDate
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'opportunity_field_history') }}
),

final as (
    select
        *,
        case when lower("Field") = 'stagename' then 'deal' else 'deal_' || lower("Field") end as subject_type,
        -- what people typed into other fields may be personal and is no stage
        case when lower("Field") = 'stagename' then "NewValue" when "Field" <> '' then 'changed' end as stage_entered,
        case when lower("Field") = 'stagename' then "OldValue" end as stage_left
    from source
)

select * from final
