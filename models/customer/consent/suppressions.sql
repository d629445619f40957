-- Grain: one row per profile, contact point, channel and reason for which nothing may be sent, whatever was agreed.
with

messages as (
    select * from {{ ref('stg_messages') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

stops as (
    select
        node_id,
        {{ channel_family(message_channel()) }} as channel,
        email,
        phone,
        case when kind = 'complained' then 'complaint' else 'hard_bounce' end as reason,
        occurred_at
    from messages
    where kind = 'complained' or (kind = 'bounced' and is_hard_bounce)
),

placed as (
    select
        owners.customer_id,
        case
            when {{ has_own_contact_point('stops.channel') }}
                then {{ contact_point_of('stops.channel', 'stops.email', 'stops.phone') }}
            else coalesce(stops.email, stops.phone)
        end as contact_point,
        stops.channel,
        stops.reason,
        stops.occurred_at
    from stops
    left join owners on stops.node_id = owners.node_id
),

final as (
    select
        customer_id,
        contact_point,
        channel,
        reason,
        min(occurred_at) as since
    from placed
    where customer_id is not null or contact_point is not null
    group by customer_id, contact_point, channel, reason
)

select * from final
