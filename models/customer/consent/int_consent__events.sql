-- Grain: one row per statement about one contact point, channel and purpose: a consent record's, or an unsubscription.
with

statements as (
    select
        *,
        case when state in ('granted', 'denied', 'withdrawn', 'objected') then state else 'unknown' end as known_state
    from {{ ref('stg_consents') }}
),

messages as (
    select
        *,
        {{ message_channel() }} as message_channel
    from {{ ref('stg_messages') }}
    where kind = 'unsubscribed'
),

purposes as (
    select * from {{ ref('config_purposes') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

-- a refusal that names no purpose refuses every one of its channel; one that names no channel, on every channel
consents as (
    select
        statements.record_id,
        statements.node_id,
        statements.email,
        statements.phone,
        coalesce(statements.channel, purposes.channel) as channel,
        coalesce(statements.purpose, purposes.purpose) as purpose,
        statements.known_state,
        statements.occurred_at,
        statements.policy_version,
        statements.proof
    from statements
    left join purposes
        on
            (statements.purpose is null or statements.channel is null)
            and (
                statements.purpose = purposes.purpose
                or (statements.purpose is null and purposes.basis in ('consent', 'legitimate_interest'))
            )
            and (
                statements.channel is null
                or {{ channel_family('statements.channel') }} = {{ channel_family('lower(purposes.channel)') }}
            )
    where statements.purpose is not null or purposes.purpose is not null
),

-- mail and telephone channels speak of their own point, and of the whole person where that is not named
own_point as (
    select
        record_id,
        node_id,
        {{ contact_point_of('channel', 'email', 'phone') }} as contact_point,
        channel,
        purpose,
        known_state,
        occurred_at,
        policy_version,
        proof
    from consents
    where {{ has_own_contact_point('channel') }} or coalesce(email, phone) is null
),

-- any other channel (ads): every point the record names
named_points as (
    select
        record_id,
        node_id,
        email as contact_point,
        channel,
        purpose,
        known_state,
        occurred_at,
        policy_version,
        proof
    from consents
    where not {{ has_own_contact_point('channel') }} and email is not null
    union all
    select
        record_id,
        node_id,
        phone as contact_point,
        channel,
        purpose,
        known_state,
        occurred_at,
        policy_version,
        proof
    from consents
    where not {{ has_own_contact_point('channel') }} and phone is not null
),

unsubscribed as (
    select
        messages.record_id,
        messages.node_id,
        case
            when {{ has_own_contact_point('messages.message_channel') }}
                then {{ contact_point_of('messages.message_channel', 'messages.email', 'messages.phone') }}
            else coalesce(messages.email, messages.phone)
        end as contact_point,
        -- under the purpose's own word, so that a later grant on that channel follows it
        coalesce(purposes.channel, messages.message_channel) as channel,
        purposes.purpose,
        case when purposes.basis = 'consent' then 'withdrawn' else 'objected' end as known_state,
        messages.occurred_at,
        cast(null as {{ sql_type('string') }}) as policy_version,
        'unsubscribed from message ' || coalesce(messages.message_id, messages.record_id) as proof
    from messages
    -- an unsubscription that does not say from which channel ends all of them
    inner join purposes
        on
            {{ channel_family('messages.message_channel') }} = {{ channel_family('lower(purposes.channel)') }}
            or messages.message_channel is null
    where purposes.basis in ('consent', 'legitimate_interest')
),

said as (
    select * from own_point
    union all
    select * from named_points
    union all
    select * from unsubscribed
),

final as (
    select
        said.record_id,
        owners.customer_id,
        said.contact_point,
        said.channel,
        said.purpose,
        said.known_state as state,
        said.occurred_at,
        said.policy_version,
        said.proof
    from said
    left join owners on said.node_id = owners.node_id
    where owners.customer_id is not null or said.contact_point is not null
)

select * from final
