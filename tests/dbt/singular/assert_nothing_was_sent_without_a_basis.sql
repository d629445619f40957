-- Law 5 over everything that was ever handed to a destination: fails for an upsert that had no lawful basis at the moment its
-- payload was built (judged_at). The judgement is written into each delivery when it is sent, and held here against what the
-- sources say, whatever table said it (consents, banners, messages, opt-outs of contacts, preferences):
-- * a purpose was judged, on a basis, and under consent by a grant for an address that had begun and had not run out;
-- * the grant is a statement of a source about this purpose;
-- * nobody had refused the purpose for that address after that grant, and no later grant had lifted the refusal;
-- * the person it went to had not denied it or objected under any address, nor withdrawn without naming one, by a record that was
--   theirs then (node_owner_changes), unless a later word of the same kind replaced it;
-- * neither address nor person had bounced for good, complained about us, asked not to be called, died or been called a minor.
-- Only statements count that a build before the send had taken in as they are now: what arrived later cannot have stopped it.
-- Addresses are compared as hashes; the ledger keeps no others. Deliveries older than these columns name no purpose.
with

deliveries as (
    select * from {{ source('exports_log', 'deliveries') }}
    where operation = 'upsert' and purpose is not null
),

statements as (
    select
        events.record_id,
        events.node_id,
        events.contact_point,
        events.channel,
        cast(left(sha256(lower(trim(events.contact_point))), 32) as uuid) as contact_point_hash,
        events.purpose,
        events.state,
        events.occurred_at,
        built.run_id as known_since
    from {{ ref('int_consent__events') }} as events
    inner join {{ source('ops', 'built_loads') }} as built
        on events.source = built.source and events.load_seq = built.load_seq
),

-- whose each record was, from which run on and until which
spells as (
    select
        node_id,
        old_customer_id as customer_id,
        coalesce(lag(run_id) over (partition by node_id order by change_seq), '') as since_run,
        run_id as until_run
    from {{ ref('node_owner_changes') }}
    union all
    select
        owners.node_id,
        any_value(owners.customer_id) as customer_id,
        coalesce(max(changes.run_id), '') as since_run,
        cast(null as {{ sql_type('string') }}) as until_run
    from {{ ref('node_customers') }} as owners
    left join {{ ref('node_owner_changes') }} as changes on owners.node_id = changes.node_id
    group by owners.node_id
),

-- each delivery with every record that was its person's at that moment
theirs as (
    select
        deliveries.*,
        spells.node_id
    from deliveries
    inner join spells
        on
            deliveries.customer_id = spells.customer_id
            and spells.since_run <= deliveries.run_id
            and (spells.until_run is null or deliveries.run_id < spells.until_run)
),

stops as (
    select
        stops.node_id,
        stops.contact_point is null as is_whole,
        -- a purpose that names no channel heeds the stop of one only where it writes to an address
        purposes.channel is null and stops.channel is not null as needs_address,
        cast(left(sha256(lower(trim(stops.contact_point))), 32) as uuid) as contact_point_hash,
        purposes.purpose,
        built.run_id as known_since
    from {{ ref('int_consent__stops') }} as stops
    inner join {{ source('ops', 'built_loads') }} as built
        on stops.source = built.source and stops.load_seq = built.load_seq
    inner join {{ ref('config_purposes') }} as purposes
        on
            stops.channel is null
            or purposes.channel is null
            or stops.channel = {{ channel_family('lower(purposes.channel)') }}
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

-- who refuses as a person, and has not said anything else since under the same point and channel
whole as (
    select
        theirs.idempotency_key,
        theirs.judged_at,
        theirs.contact_point_hash = statements.contact_point_hash as is_same_address,
        theirs.granted_at,
        statements.contact_point,
        statements.channel,
        statements.purpose,
        statements.occurred_at
    from theirs
    inner join statements
        on
            theirs.node_id = statements.node_id
            and theirs.purpose = statements.purpose
            and statements.known_since <= theirs.run_id
    where
        theirs.basis not in ('legal_obligation', 'vital_interest')
        and (
            statements.state in ('denied', 'objected')
            or (statements.state = 'withdrawn' and statements.contact_point is null)
        )
        and (statements.occurred_at is null or statements.occurred_at <= theirs.judged_at)
),

replaced as (
    select distinct whole.idempotency_key, whole.contact_point, whole.channel, whole.occurred_at
    from whole
    inner join theirs on whole.idempotency_key = theirs.idempotency_key
    inner join statements
        on
            theirs.node_id = statements.node_id
            and whole.purpose = statements.purpose
            and whole.contact_point is not distinct from statements.contact_point
            and whole.channel is not distinct from statements.channel
            and whole.occurred_at < statements.occurred_at
            and (statements.occurred_at <= whole.judged_at or statements.state <> 'granted')
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
    select whole.idempotency_key, 'refused as a person before it was sent' as problem
    from whole
    anti join replaced
        on
            whole.idempotency_key = replaced.idempotency_key
            and whole.contact_point is not distinct from replaced.contact_point
            and whole.channel is not distinct from replaced.channel
            and whole.occurred_at = replaced.occurred_at
    -- the grant by which it went may be gone since
    where not coalesce(whole.is_same_address and whole.occurred_at < whole.granted_at, false)
    union all
    select deliveries.idempotency_key, 'stopped before it was sent' as problem
    from deliveries
    inner join stops
        on deliveries.contact_point_hash = stops.contact_point_hash and deliveries.purpose = stops.purpose
    where stops.known_since <= deliveries.run_id
    union all
    select theirs.idempotency_key, 'stopped as a person before it was sent' as problem
    from theirs
    inner join stops
        on
            theirs.node_id = stops.node_id
            and theirs.purpose = stops.purpose
            and stops.known_since <= theirs.run_id
    where stops.is_whole and not (stops.needs_address and theirs.contact_point_hash is null)
)

select * from problems
