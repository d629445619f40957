-- Fails for a member whose last change is not that it entered, and for a profile that entered last and is no member.
with

ordered as (
    select
        audience,
        customer_id,
        event,
        row_number() over (partition by audience, customer_id order by history_seq desc) as age
    from {{ ref('audience_history') }}
),

inside as (
    select
        audience,
        customer_id
    from ordered
    where age = 1 and event = 'entered'
)

select
    members.customer_id as member_id,
    inside.customer_id as inside_id
from {{ ref('audience_members') }} as members
full outer join inside on members.audience = inside.audience and members.customer_id = inside.customer_id
where members.customer_id is null or inside.customer_id is null
