-- Law 5 over everything that was ever handed to a destination: fails for an upsert that had no lawful basis at the moment its
-- payload was built (judged_at). The judgement is written into each delivery when it is sent, and held here against what the
-- sources say, whatever table said it (consents, banners, messages, opt-outs of contacts, preferences):
-- * a purpose was judged, on a basis, and under consent by a grant for an address that had begun and had not run out;
-- * the grant is a statement of a source about this purpose;
-- * nobody had refused the purpose for that address after that grant, and no later grant had lifted the refusal;
-- * the address had not bounced for good, complained about us or asked not to be called.
-- Only statements count that a build before the send had taken in as they are now: what arrived later cannot have stopped it.
-- Addresses are compared as hashes; the ledger keeps no others. What a person refused under another address, or without one, is judged
-- at send time only: who was one person then is not known any more. Deliveries older than these columns name no purpose.
with

deliveries as (
    select * from {{ source('exports_log', 'deliveries') }}
    where operation = 'upsert' and purpose is not null
),

statements as (
    select
        events.record_id,
        cast(left(sha256(lower(trim(events.contact_point))), 32) as uuid) as contact_point_hash,
        events.purpose,
        events.state,
        events.occurred_at,
        built.run_id as known_since
    from {{ ref('int_consent__events') }} as events
    inner join {{ source('ops', 'built_loads') }} as built
        on events.source = built.source and events.load_seq = built.load_seq
),

stops as (
    select
        cast(left(sha256(lower(trim(stops.contact_point))), 32) as uuid) as contact_point_hash,
        purposes.purpose,
        min(built.run_id) as known_since
    from {{ ref('int_consent__stops') }} as stops
    inner join {{ source('ops', 'built_loads') }} as built
        on stops.source = built.source and stops.load_seq = built.load_seq
    inner join {{ ref('config_purposes') }} as purposes
        on
            stops.channel is null
            or purposes.channel is null
            or stops.channel = {{ channel_family('lower(purposes.channel)') }}
    where stops.contact_point is not null
    group by 1, 2
),

refusals as (
    select
        deliveries.idempotency_key,
        deliveries.judged_at,
        statements.contact_point_hash,
        statements.purpose,
        statements.occurred_at
    from deliveries
    inner join statements
        on
            deliveries.contact_point_hash = statements.contact_point_hash
            and deliveries.purpose = statements.purpose
    where
        deliveries.basis not in ('legal_obligation', 'vital_interest')
        and statements.state in ('withdrawn', 'denied', 'objected')
        and statements.known_since <= deliveries.run_id
        and (
            statements.occurred_at is null
            or (
                statements.occurred_at <= deliveries.judged_at
                and statements.occurred_at > coalesce(deliveries.granted_at, timestamp '0001-01-01')
            )
        )
),

lifted as (
    select distinct refusals.idempotency_key
    from refusals
    inner join statements
        on
            refusals.contact_point_hash = statements.contact_point_hash
            and refusals.purpose = statements.purpose
            and statements.state = 'granted'
            and statements.occurred_at > refusals.occurred_at
            and statements.occurred_at <= refusals.judged_at
),

problems as (
    select idempotency_key, 'nothing was judged' as problem
    from deliveries
    where basis is null or judged_at is null
    union all
    select idempotency_key, 'no live grant' as problem
    from deliveries
    where
        basis = 'consent'
        and (
            consent_record_id is null
            or contact_point_hash is null
            or granted_at > judged_at
            or grant_expires_at <= judged_at
        )
    union all
    select deliveries.idempotency_key, 'the grant is no statement of a source' as problem
    from deliveries
    inner join statements
        on deliveries.consent_record_id = statements.record_id and statements.known_since <= deliveries.run_id
    -- an event shows many choices, and only those that stand are statements
    semi join {{ ref('stg_consents') }} as records on deliveries.consent_record_id = records.record_id
    group by deliveries.idempotency_key, deliveries.purpose
    having count(*) filter (where statements.state = 'granted' and statements.purpose = deliveries.purpose) = 0
    union all
    select refusals.idempotency_key, 'refused before it was sent' as problem
    from refusals
    anti join lifted on refusals.idempotency_key = lifted.idempotency_key
    union all
    select deliveries.idempotency_key, 'stopped before it was sent' as problem
    from deliveries
    inner join stops
        on deliveries.contact_point_hash = stops.contact_point_hash and deliveries.purpose = stops.purpose
    where stops.known_since <= deliveries.run_id
)

select * from problems
