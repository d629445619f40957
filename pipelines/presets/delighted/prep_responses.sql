-- Grain: one row per delivered survey response, its times readable.
-- Reads: id, person, survey_type, score, comment, permalink, created_at, updated_at, person_properties, tags
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'responses') }}
),

final as (
    select
        *,
        {{ epoch_seconds('created_at') }} as created_time,
        -- empty until a response is edited
        {{ epoch_seconds('coalesce(updated_at, created_at)') }} as updated_time,
        -- `person` is the person where the API was asked to expand it, else the number
        coalesce({{ json_value('person', 'id') }}, person) as person_id,
        {{ json_value('person', 'email') }} as person_email
    from source
)

select * from final
