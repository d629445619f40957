-- Grain: one row per known profile: whether a survey may be sent to it at as_of, and if not, why and until when.
-- The cooldown counts over all surveys, whoever sent them: tools, triggers, syncs. It is for who draws a sample; exports hold back who has
-- been asked (`send_holds`) and check the lawful basis again.
with

people as (
    select
        customer_id,
        email,
        phone
    from {{ ref('golden_records') }}
),

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

settings as (
    select * from {{ ref('config_cases') }}
),

purposes as (
    select * from {{ ref('config_purposes') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

-- an invitation that did not arrive was sent all the same: many tools do not say what arrived
asked as (
    select
        customer_id,
        sent_at
    from {{ ref('invitations') }}
    union all
    select
        customer_id,
        sent_at
    from {{ ref('survey_deliveries') }}
    -- by a clock that stands still, a run has not sent anything yet
    where sent_at <= (select as_of from clock)
),

invited as (
    select
        customer_id,
        max(sent_at) as last_invited_at
    from asked
    where customer_id is not null
    group by customer_id
),

answered as (
    select
        coalesce(owners.customer_id, named.customer_id) as customer_id,
        max(responses.responded_at) as last_answered_at
    from {{ ref('stg_responses') }} as responses
    left join owners on responses.node_id = owners.node_id
    left join {{ ref('answer_owners') }} as named on responses.record_id = named.record_id
    where
        coalesce(owners.customer_id, named.customer_id) is not null
        and not coalesce(responses.is_test, false)
    group by coalesce(owners.customer_id, named.customer_id)
),

-- the declared purpose of surveys, if there is one; without it only suppressions of the whole person are known to hold
asking as (
    select
        settings.survey_cooldown_days,
        purposes.purpose,
        purposes.basis,
        {{ channel_family('purposes.channel') }} as channel,
        clock.as_of
    from settings
    cross join clock
    left join purposes on settings.survey_purpose = purposes.purpose
),

reached as (
    select
        people.customer_id,
        asking.survey_cooldown_days,
        asking.purpose,
        asking.basis,
        asking.channel,
        asking.as_of,
        {{ contact_point_of('asking.channel', 'people.email', 'people.phone') }} as contact_point
    from people
    cross join asking
),

-- a suppressed address stays so whichever profile holds it
stopped as (
    select reached.customer_id
    from reached
    inner join {{ ref('suppressions') }} as suppressions on reached.customer_id = suppressions.customer_id
    where suppressions.contact_point is null and coalesce(suppressions.channel = reached.channel, true)
    union
    select reached.customer_id
    from reached
    inner join {{ ref('suppressions') }} as suppressions
        on reached.contact_point = suppressions.contact_point and reached.channel = suppressions.channel
),

said as (
    select
        reached.customer_id,
        max(case when consents.state in ('denied', 'objected', 'unknown') then 1 else 0 end) as refuses,
        max(
            case
                when
                    consents.state = 'withdrawn'
                    and (consents.contact_point is null or consents.contact_point = reached.contact_point)
                    then 1
                else 0
            end
        ) as withdrew,
        max(
            case when consents.state = 'granted' and consents.contact_point = reached.contact_point then 1 else 0 end
        ) as granted
    from reached
    inner join {{ ref('consents') }} as consents
        on reached.customer_id = consents.customer_id and reached.purpose = consents.purpose
    group by reached.customer_id
),

judged as (
    select
        reached.customer_id,
        invited.last_invited_at,
        answered.last_answered_at,
        {{ add_days(
            'greatest(coalesce(invited.last_invited_at, answered.last_answered_at),'
            ~ ' coalesce(answered.last_answered_at, invited.last_invited_at))',
            'reached.survey_cooldown_days',
        ) }} as eligible_from,
        reached.as_of,
        case
            when stopped.customer_id is not null then 'suppressed'
            when {{ has_own_contact_point('reached.channel') }} and reached.contact_point is null
                then 'no contact point'
            when said.refuses = 1 or said.withdrew = 1 then 'refused'
            when reached.basis = 'consent' and coalesce(said.granted, 0) = 0 then 'no consent'
        end as obstacle
    from reached
    left join invited on reached.customer_id = invited.customer_id
    left join answered on reached.customer_id = answered.customer_id
    left join stopped on reached.customer_id = stopped.customer_id
    left join said on reached.customer_id = said.customer_id
),

final as (
    select
        customer_id,
        last_invited_at,
        last_answered_at,
        eligible_from,
        obstacle is null and coalesce(eligible_from <= as_of, true) as eligible,
        coalesce(obstacle, case when eligible_from > as_of then 'cooldown' end) as reason
    from judged
)

select * from final
