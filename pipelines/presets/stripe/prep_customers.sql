-- Grain: one row per delivered customer.
-- Reads: id, email, phone, name, address, preferred_locales, created, livemode
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'customers') }}
),

final as (
    select
        *,
        {{ epoch_seconds('created') }} as created_time,
        cast(lower(livemode) = 'false' as varchar) as is_test
    from source
)

select * from final
