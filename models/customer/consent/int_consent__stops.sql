-- Grain: one row per record and contact point (null: every one of the profile) that stops a channel, or all of them, whatever was
-- agreed: hard bounces, complaints, do-not-call, deceased, minors.
with

owners as (
    select * from {{ ref('node_customers') }}
),

messages as (
    select
        record_id,
        source,
        load_seq,
        node_id,
        {{ channel_family(message_channel()) }} as channel,
        email,
        phone,
        case when kind = 'complained' then 'complaint' else 'hard_bounce' end as reason,
        occurred_at
    from {{ ref('stg_messages') }}
    where kind = 'complained' or (kind = 'bounced' and is_hard_bounce)
),

contacts as (
    select
        contacts.*,
        owners.customer_id
    from {{ ref('stg_contacts') }} as contacts
    inner join owners on contacts.node_id = owners.node_id
    where contacts.do_not_call or contacts.is_deceased or contacts.is_minor
),

placed as (
    select
        messages.record_id,
        messages.source,
        messages.load_seq,
        messages.node_id,
        owners.customer_id,
        case
            when {{ has_own_contact_point('messages.channel') }}
                then {{ contact_point_of('messages.channel', 'messages.email', 'messages.phone') }}
            else coalesce(messages.email, messages.phone)
        end as contact_point,
        messages.channel,
        messages.reason,
        messages.occurred_at
    from messages
    left join owners on messages.node_id = owners.node_id
),

-- a person who must not be called is not called on any number, and nobody else is on that one
flagged as (
    {% for flag, point, channel, reason in [
        ('do_not_call', 'null', "'phone'", 'do_not_call'),
        ('do_not_call', 'phone', "'phone'", 'do_not_call'),
        ('is_deceased', 'null', 'null', 'deceased'),
        ('is_minor', 'null', 'null', 'minor'),
    ] %}
    select
        record_id,
        source,
        load_seq,
        node_id,
        customer_id,
        cast({{ point }} as {{ sql_type('string') }}) as contact_point,
        cast({{ channel }} as {{ sql_type('string') }}) as channel,
        '{{ reason }}' as reason,
        record_updated_at as occurred_at
    from contacts
    where {{ flag }} {{ 'and phone is not null' if point == 'phone' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select * from placed
    union all
    select * from flagged
)

select * from final
where customer_id is not null or contact_point is not null
