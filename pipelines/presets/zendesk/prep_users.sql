-- Grain: one row per delivered user, marked when the user is no customer.
-- Reads: id, role, active, email, phone, name, locale, created_at, updated_at, organization_id, external_id
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'users') }}
),

final as (
    select
        *,
        -- agents answer customers: taken for customers they would own every ticket
        cast(coalesce(lower(role), 'end-user') <> 'end-user' or lower(active) = 'false' as varchar) as no_customer
    from source
)

select * from final
