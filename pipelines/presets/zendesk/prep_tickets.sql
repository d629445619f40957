-- Grain: one row per delivered ticket; `deleted` is a status in Zendesk.
-- Reads: id, requester_id, created_at, updated_at, status, priority, via_channel, type, subject, description, assignee_id, group_id, organization_id, brand_id
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'tickets') }}
),

final as (
    select
        *,
        cast(lower(status) = 'deleted' as varchar) as is_gone
    from source
)

select * from final
