{{ config(schema='customer') }}
-- Grain: one row per case and outbound contact after it opened. A contact is about a case if it carries its id or stands in
-- its ticket, or goes to its customer and belongs to no ticket at all: a reply in somebody's other ticket answers that one.
with

members as (
    select * from {{ ref('int_cases__members') }}
),

tickets as (
    select * from {{ ref('tickets') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

rules as (
    select * from {{ ref('config_case_rules') }}
),

contacts as (
    select
        interactions.record_id,
        interactions.source,
        interactions.ticket_id,
        interactions.kind,
        interactions.occurred_at,
        owners.customer_id,
        coalesce(lower(interactions.case_id), {{ case_id_in('interactions.subject') }}) as trigger_id
    from {{ ref('stg_interactions') }} as interactions
    inner join rules on rules.kind = 'contact' and interactions.kind = rules.name
    left join owners on interactions.node_id = owners.node_id
    where interactions.direction = 'outbound'
),

cases as (
    select
        case_id,
        customer_id,
        min(occurred_at) as opened_at
    from members
    group by case_id, customer_id
),

asked_about as (
    select distinct
        case_id,
        customer_id,
        ticket_id
    from members
    where ticket_id is not null
),

carrying as (
    select distinct
        members.case_id,
        tickets.source,
        tickets.ticket_id
    from tickets
    inner join members on tickets.case_id = members.trigger_id
),

found as (
    select
        members.case_id,
        contacts.record_id
    from contacts
    inner join members on contacts.trigger_id = members.trigger_id
    union
    select
        carrying.case_id,
        contacts.record_id
    from contacts
    inner join carrying on contacts.source = carrying.source and contacts.ticket_id = carrying.ticket_id
    union
    select
        asked_about.case_id,
        contacts.record_id
    from contacts
    inner join asked_about
        on contacts.customer_id = asked_about.customer_id and contacts.ticket_id = asked_about.ticket_id
    union
    select
        cases.case_id,
        contacts.record_id
    from contacts
    inner join cases on contacts.customer_id = cases.customer_id
    where contacts.ticket_id is null and contacts.trigger_id is null
),

final as (
    select
        found.case_id,
        contacts.record_id,
        contacts.kind,
        contacts.occurred_at,
        row_number() over (
            partition by found.case_id order by contacts.occurred_at, contacts.record_id
        ) as place
    from found
    inner join contacts on found.record_id = contacts.record_id
    inner join cases on found.case_id = cases.case_id
    where contacts.occurred_at > cases.opened_at
)

select * from final
