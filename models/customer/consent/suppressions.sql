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

contacts as (
    select
        contacts.*,
        owners.customer_id
    from {{ ref('stg_contacts') }} as contacts
    inner join owners on contacts.node_id = owners.node_id
    where contacts.do_not_call or contacts.is_deceased or contacts.is_minor
),

-- a person who must not be called is not called on any number, and nobody else is on that one
flagged as (
    select
        customer_id,
        cast(null as {{ sql_type('string') }}) as contact_point,
        'phone' as channel,
        'do_not_call' as reason,
        record_updated_at as occurred_at
    from contacts
    where do_not_call
    union all
    select
        customer_id,
        phone as contact_point,
        'phone' as channel,
        'do_not_call' as reason,
        record_updated_at as occurred_at
    from contacts
    where do_not_call and phone is not null
    union all
    select
        customer_id,
        cast(null as {{ sql_type('string') }}) as contact_point,
        cast(null as {{ sql_type('string') }}) as channel,
        'deceased' as reason,
        record_updated_at as occurred_at
    from contacts
    where is_deceased
    union all
    select
        customer_id,
        cast(null as {{ sql_type('string') }}) as contact_point,
        cast(null as {{ sql_type('string') }}) as channel,
        'minor' as reason,
        record_updated_at as occurred_at
    from contacts
    where is_minor
),

young as (
    select
        people.customer_id,
        cast(null as {{ sql_type('string') }}) as contact_point,
        cast(null as {{ sql_type('string') }}) as channel,
        'minor' as reason,
        cast(null as timestamp) as occurred_at
    from {{ ref('golden_records') }} as people
    cross join {{ ref('config_sending') }} as settings
    cross join {{ ref('run_clock') }} as clock
    where {{ full_years('people.birth_date', 'clock.as_of') }} < settings.minimum_age
),

stopped as (
    select * from placed
    union all
    select * from flagged
    union all
    select * from young
),

final as (
    select
        customer_id,
        contact_point,
        channel,
        reason,
        min(occurred_at) as since
    from stopped
    where customer_id is not null or contact_point is not null
    group by customer_id, contact_point, channel, reason
)

select * from final
