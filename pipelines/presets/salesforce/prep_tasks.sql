-- Grain: one row per delivered task, with the kind of interaction it was.
-- Reads: Id, WhoId, WhatId, Subject, Description, Status, IsClosed, IsDeleted, TaskSubtype, CallType, CallDisposition, CallDurationInSeconds, CompletedDateTime, ActivityDate, CreatedDate, SystemModstamp
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'tasks') }}
),

final as (
    select
        *,
        case
            when lower("TaskSubtype") = 'call' or "CallType" <> '' then 'call'
            when lower("TaskSubtype") in ('email', 'listemail') then 'mail'
            else 'note'
        end as task_kind,
        -- what somebody means to do is no contact with the customer; closing the task makes it one
        cast(lower("IsDeleted") = 'true' or lower("IsClosed") = 'false' as varchar) as is_no_contact,
        -- the first three characters of a number tell the object: 500 a case, 006 an opportunity
        case when "WhatId" like '500%' then "WhatId" end as case_id,
        case when "WhatId" like '006%' then "WhatId" end as opportunity_id
    from source
)

select * from final
