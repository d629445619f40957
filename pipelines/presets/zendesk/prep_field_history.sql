-- Grain: one row per delivered change of a ticket's field.
-- Reads: ticket_id, field_name, updated, value
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'field_history') }}
),

final as (
    select
        *,
        case when field_name = 'status' then 'ticket' else 'ticket_' || field_name end as subject,
        -- what people typed into other fields may be personal and is no stage
        case
            when field_name = 'status' then value
            when
                field_name in ('priority', 'type', 'assignee_id', 'group_id', 'organization_id', 'ticket_form_id', 'brand_id')
                then coalesce(value, 'none')
            when field_name is not null then 'changed'
        end as value_shown
    from source
)

select * from final
