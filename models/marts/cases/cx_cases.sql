-- Grain: one row per case: one customer, one touchpoint, and the triggers that follow each other within the window.
with

members as (
    select * from {{ ref('int_cases__members') }}
),

firsts as (
    select * from members where trigger_id = case_id
),

decisions as (
    select
        members.case_id,
        decisions.id,
        decisions.verb,
        decisions.owner,
        row_number() over (
            partition by members.case_id, decisions.verb order by decisions.at desc, decisions.id desc
        ) as age
    from {{ source('case_memory', 'decisions') }} as decisions
    inner join members on decisions.case_id = members.trigger_id
),

rules as (
    select * from {{ ref('config_case_rules') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

orders as (
    select
        orders.customer_id,
        sum(orders.revenue) as recent_revenue
    from {{ ref('orders') }} as orders
    cross join clock
    where
        orders.is_paid
        and orders.ordered_at > clock.as_of - interval {{ var('value_at_risk_months') }} month
        and orders.ordered_at <= clock.as_of
    group by orders.customer_id
),

decided as (
    select
        case_id,
        count(*) as decisions,
        max(case when verb = 'assign' and age = 1 then owner end) as owner
    from decisions
    group by case_id
),

states as (
    select * from {{ ref('int_cases__states') }}
),

joined as (
    select
        firsts.*,
        states.triggers,
        states.trigger_kinds,
        states.last_trigger_at,
        coalesce(decided.owner, owners.text, others.text) as owner,
        coalesce(decided.decisions, 0) as decisions,
        {{ add_hours('firsts.occurred_at', 'states.due_hours') }} as first_due_at,
        {{ add_hours('states.open_since', 'states.due_hours') }} as due_at,
        states.open_since,
        states.closed_at,
        states.closed_by,
        states.closed_at is null as is_open,
        states.is_reopened,
        states.ticket_record_id,
        states.first_contact_at,
        states.first_contact_kind,
        states.is_contacted,
        states.contacts,
        coalesce(orders.recent_revenue, 0) as value_at_risk
    from firsts
    inner join states on firsts.case_id = states.case_id
    left join decided on firsts.case_id = decided.case_id
    left join rules as owners on owners.kind = 'owner' and firsts.touchpoint = owners.name
    left join rules as others on others.kind = 'owner' and others.name = 'default'
    left join orders on firsts.customer_id = orders.customer_id
),

final as (
    select
        joined.case_id,
        joined.customer_id,
        joined.touchpoint,
        joined.channel,
        joined.kind as trigger_kind,
        joined.trigger_kinds,
        joined.triggers,
        joined.occurred_at as opened_at,
        joined.last_trigger_at,
        joined.question,
        joined.score,
        joined.source,
        joined.record_id,
        joined.order_id,
        joined.ticket_id,
        joined.owner,
        joined.due_at,
        case
            when not joined.is_open then 'closed'
            when joined.is_contacted then 'contacted'
            when joined.is_reopened then 'reopened'
            else 'open'
        end as status,
        joined.is_open,
        joined.is_reopened,
        joined.is_open and not joined.is_contacted and joined.due_at < clock.as_of as is_overdue,
        joined.first_contact_at,
        joined.first_contact_kind,
        cast({{ seconds_between('joined.occurred_at', 'joined.first_contact_at') }} / 3600 as double)
            as first_contact_hours,
        case
            when joined.first_contact_at <= joined.first_due_at then true
            when joined.first_contact_at is not null or joined.first_due_at < clock.as_of then false
        end as met_deadline,
        joined.contacts,
        joined.closed_at,
        joined.closed_by,
        joined.ticket_record_id,
        joined.decisions,
        cast(joined.value_at_risk as decimal(18, 2)) as value_at_risk
    from joined
    cross join clock
)

select * from final
