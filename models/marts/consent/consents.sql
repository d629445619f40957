-- Grain: one row per profile, contact point, channel and purpose about which something was said: what holds at as_of.
with

events as (
    select * from {{ ref('int_consent__events') }}
),

purposes as (
    select * from {{ ref('config_purposes') }}
),

clock as (
    select * from {{ ref('run_clock') }}
),

-- A grant dated after as_of is none yet, and one that is tied to the person by a probable link or a device alone is none at all; a refusal
-- counts at once, whatever its date and by whatever link.
valid as (
    select
        events.*,
        clock.as_of
    from events
    cross join clock
    where events.state <> 'granted' or (events.occurred_at <= clock.as_of and events.is_exact)
),

-- Event time decides; a refusal without a time wins over all. Ties deny: anything beats a grant, and among refusals
-- the one that reaches furthest stands. The record's name makes the order total.
ordered as (
    select
        *,
        row_number() over (
            partition by customer_id, contact_point, channel, purpose
            order by
                occurred_at desc nulls first,
                case state
                    when 'objected' then 1 when 'denied' then 2 when 'withdrawn' then 3 when 'unknown' then 4 else 5
                end,
                record_id
        ) as place
    from valid
),

dated as (
    select
        ordered.*,
        purposes.basis,
        case
            when ordered.state = 'granted' and purposes.expires_after_days is not null
                then {{ add_days('ordered.occurred_at', 'purposes.expires_after_days') }}
        end as expires_at
    from ordered
    left join purposes on ordered.purpose = purposes.purpose
    where ordered.place = 1
),

final as (
    select
        customer_id,
        contact_point,
        channel,
        purpose,
        case when expires_at <= as_of then 'expired' else state end as state,
        basis,
        occurred_at as obtained_at,
        expires_at,
        policy_version,
        proof,
        source,
        record_id as consent_record_id
    from dated
)

select * from final
