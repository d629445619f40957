-- Grain: one row per delivered response, with whether a hidden field calls it a test.
-- Reads: token, form_id, landed_at, submitted_at, metadata, hidden, calculated, answers
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'responses') }}
),

final as (
    select
        *,
        -- links say it in many ways: ?test=1, #preview=yes; what says nothing of it is no test
        cast(
            lower(coalesce({{ json_value('hidden', 'test') }}, {{ json_value('hidden', 'preview') }}, ''))
            in ('1', 'true', 't', 'yes', 'y', 'test', 'preview') as varchar
        ) as is_test
    from source
)

select * from final
