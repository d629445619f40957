-- Grain: one row per delivered response, with whether it is a preview.
-- Reads: id, survey_id, collector_id, recipient_id, collection_mode, response_status, total_time, date_created, date_modified, email_address, custom_value, custom_variables, pages
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'responses') }}
),

final as (
    select
        *,
        cast(coalesce(lower(collection_mode), '') in ('preview', 'survey_preview') as varchar) as is_test
    from source
)

select * from final
