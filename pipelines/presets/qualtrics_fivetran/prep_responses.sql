-- Grain: one row per delivered response; previews and tests marked by Qualtrics' response type.
-- Reads: id, survey_id, start_date, end_date, recorded_date, last_modified_date, status, finished, progress, duration_in_seconds, distribution_channel, user_language, recipient_email
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'responses') }}
),

final as (
    select
        *,
        -- 1 survey preview, 2 survey test, 9 spam in a preview, 17 offline preview
        cast(status in ('1', '2', '9', '17') as varchar) as is_test_answer
    from source
)

select * from final
