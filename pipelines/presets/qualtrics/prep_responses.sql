-- Grain: one row per delivered response; previews and tests marked, by the export's words or its codes.
-- Reads: ResponseId, StartDate, EndDate, RecordedDate, Status, Finished, Progress, Duration (in seconds), ExternalReference, DistributionChannel, UserLanguage, RecipientEmail
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'responses') }}
),

final as (
    select
        *,
        -- 1 survey preview, 2 survey test, 9 spam in a preview, 17 offline preview
        cast(lower("Status") like '%preview%' or lower("Status") like '%test%' or "Status" in ('1', '2', '9', '17') as varchar)
            as is_test_answer
    from source
)

select * from final
