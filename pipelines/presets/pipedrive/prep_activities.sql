-- Grain: one row per delivered activity, with the kind of interaction it was.
-- Reads: id, person_id, org_id, deal_id, type, subject, note, done, is_deleted, add_time, update_time, due_date, marked_as_done_time
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'activities') }}
),

final as (
    select
        *,
        -- types are the company's own; those that Pipedrive begins with are known, any other keeps its name
        case lower(type)
            when 'email' then 'mail'
            when 'lunch' then 'meeting'
            when 'task' then 'note'
            when 'deadline' then 'note'
            else type
        end as activity_kind,
        -- what somebody means to do is no contact with the customer
        cast(lower(is_deleted) = 'true' or lower(done) = 'false' as varchar) as is_no_contact
    from source
)

select * from final
