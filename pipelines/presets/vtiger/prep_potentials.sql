-- Grain: one row per delivered potential, with its contact and whether it was won.
-- Reads: id, potential_no, potentialname, related_to, contact_id, sales_stage, amount, assigned_user_id, closingdate, createdtime, modifiedtime
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'potentials') }}
),

final as (
    select
        *,
        -- 12 is the contact module of every installation that was not put together by hand
        coalesce({{ clean_text('contact_id') }}, case when related_to like '12x%' then related_to end) as person_id,
        case when lower(sales_stage) = 'closed won' then 'true' when sales_stage <> '' then 'false' end as is_won
    from source
)

select * from final
