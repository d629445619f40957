-- Grain: one row per delivered ticket, with its contact.
-- Reads: id, ticket_no, ticket_title, description, ticketstatus, ticketpriorities, ticketcategories, parent_id, contact_id, createdtime, modifiedtime
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'tickets') }}
),

final as (
    select
        *,
        -- 12 is the contact module of every installation that was not put together by hand
        coalesce({{ clean_text('contact_id') }}, case when parent_id like '12x%' then parent_id end) as person_id
    from source
)

select * from final
