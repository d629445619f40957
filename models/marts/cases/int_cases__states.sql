{{ config(schema='customer') }}
-- Grain: one row per case: its triggers, whether it is open and since when, who was spoken to, the ticket that carries it.
with

members as (
    select * from {{ ref('int_cases__members') }}
),

said as (
    select
        case_id,
        count(*) as triggers,
        {{ distinct_list('kind') }} as trigger_kinds,
        max(occurred_at) as last_trigger_at,
        min(due_hours) as due_hours
    from members
    group by case_id
),

-- of several tickets that carry the case, the one opened last is shown
carrying as (
    select
        members.case_id,
        tickets.record_id,
        tickets.is_reopened,
        row_number() over (
            partition by members.case_id order by tickets.opened_at desc, tickets.record_id desc
        ) as age
    from {{ ref('tickets') }} as tickets
    inner join members on tickets.case_id = members.trigger_id
),

worked_on as (
    select
        case_id,
        max(case when age = 1 then record_id end) as ticket_record_id,
        max(case when is_reopened then 1 else 0 end) as has_reopened
    from carrying
    group by case_id
),

turns as (
    select
        case_id,
        coalesce(max(case when is_reopening then happened_at end), min(happened_at)) as open_since,
        max(case when age = 1 and not is_opening then happened_at end) as closed_at,
        max(case when age = 1 and not is_opening then cause end) as closed_by,
        count(*) filter (where is_reopening) as reopenings
    from {{ ref('int_cases__events') }}
    group by case_id
),

contacted as (
    select
        contacts.case_id,
        min(contacts.occurred_at) as first_contact_at,
        max(case when contacts.place = 1 then contacts.kind end) as first_contact_kind,
        count(*) as contacts,
        max(contacts.occurred_at) as last_contact_at
    from {{ ref('int_cases__contacts') }} as contacts
    group by contacts.case_id
),

final as (
    select
        said.case_id,
        said.triggers,
        said.trigger_kinds,
        said.last_trigger_at,
        said.due_hours,
        turns.open_since,
        turns.closed_at,
        turns.closed_by,
        turns.reopenings > 0 or coalesce(worked_on.has_reopened, 0) = 1 as is_reopened,
        worked_on.ticket_record_id,
        contacted.first_contact_at,
        contacted.first_contact_kind,
        coalesce(contacted.last_contact_at >= turns.open_since, false) as is_contacted,
        coalesce(contacted.contacts, 0) as contacts
    from said
    inner join turns on said.case_id = turns.case_id
    left join worked_on on said.case_id = worked_on.case_id
    left join contacted on said.case_id = contacted.case_id
)

select * from final
