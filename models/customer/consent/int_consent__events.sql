-- Grain: one row per statement about one contact point, channel and purpose: a consent record's, one in a consent banner, or one that
-- refuses a whole channel (int_consent__refusals).
with

statements as (
    select
        *,
        case when state in ('granted', 'denied', 'withdrawn', 'objected') then state else 'unknown' end as known_state
    from {{ ref('stg_consents') }}
),

refusals as (
    select * from {{ ref('int_consent__refusals') }}
),

purposes as (
    select * from {{ ref('config_purposes') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

-- records that only a probable link joins to their customer
doubted as (
    select node_id from {{ ref('int_identity__doubts') }}
    where confidence < 1
),

choices as (
    select
        choices.*,
        lower(purposes.channel) as channel
    from {{ ref('int_consent__choices') }} as choices
    inner join purposes on choices.purpose = purposes.purpose
    where purposes.channel is not null
),

-- a refusal that names no purpose refuses every one of its channel; one that names no channel, on every channel
consents as (
    select
        statements.record_id,
        statements.source,
        statements.load_seq,
        statements.node_id,
        cast(null as {{ sql_type('string') }}) as device_owner_id,
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
    union all
    select
        record_id,
        source,
        load_seq,
        node_id,
        customer_id as device_owner_id,
        email,
        phone,
        channel,
        purpose,
        state as known_state,
        occurred_at,
        cast(null as {{ sql_type('string') }}) as policy_version,
        proof
    from choices
),

-- mail and telephone channels speak of their own point, and of the whole person where that is not named
own_point as (
    select
        record_id,
        source,
        load_seq,
        node_id,
        device_owner_id,
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
        source,
        load_seq,
        node_id,
        device_owner_id,
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
        source,
        load_seq,
        node_id,
        device_owner_id,
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

refused as (
    select
        refusals.record_id,
        refusals.source,
        refusals.load_seq,
        refusals.node_id,
        cast(null as {{ sql_type('string') }}) as device_owner_id,
        case
            when {{ has_own_contact_point('refusals.channel') }}
                then {{ contact_point_of('refusals.channel', 'refusals.email', 'refusals.phone') }}
            -- a refusal of every channel speaks for each by the point of that channel
            when refusals.channel is null and {{ has_own_contact_point('lower(purposes.channel)') }}
                then {{ contact_point_of('lower(purposes.channel)', 'refusals.email', 'refusals.phone') }}
            else coalesce(refusals.email, refusals.phone)
        end as contact_point,
        -- under the purpose's own word, so that a later grant on that channel follows it
        coalesce(purposes.channel, refusals.channel) as channel,
        purposes.purpose,
        case when purposes.basis = 'consent' then 'withdrawn' else 'objected' end as known_state,
        refusals.occurred_at,
        cast(null as {{ sql_type('string') }}) as policy_version,
        refusals.proof
    from refusals
    -- one that does not say which channel ends all of them
    inner join purposes
        on
            {{ channel_family('refusals.channel') }} = {{ channel_family('lower(purposes.channel)') }}
            or refusals.channel is null
    where purposes.basis in ('consent', 'legitimate_interest')
),

said as (
    select * from own_point
    union all
    select * from named_points
    union all
    select * from refused
),

final as (
    select
        said.record_id,
        said.source,
        said.load_seq,
        said.node_id,
        coalesce(owners.customer_id, said.device_owner_id) as customer_id,
        said.contact_point,
        said.channel,
        said.purpose,
        said.known_state as state,
        said.occurred_at,
        said.policy_version,
        said.proof,
        -- what a probable link or a device alone ties to the person
        doubted.node_id is null and (owners.customer_id is not null or said.device_owner_id is null) as is_exact
    from said
    left join owners on said.node_id = owners.node_id
    left join doubted on said.node_id = doubted.node_id
    where coalesce(owners.customer_id, said.device_owner_id) is not null or said.contact_point is not null
)

select * from final
