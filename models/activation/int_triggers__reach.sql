-- Grain: one row per message that is not sent yet, with the address it would go to and what forbids it at as_of. Exports judge the
-- lawful basis again; this keeps codes and entries from people who could not be written to.
with

messages as (
    select
        waiting.entry_id,
        waiting.customer_id,
        waiting.purpose,
        purposes.basis,
        waiting.channel,
        {{ channel_family('waiting.channel') }} as family,
        {{ contact_point_of('waiting.channel', 'people.email', 'people.phone') }} as contact_point
    from {{ ref('int_triggers__open') }} as waiting
    left join {{ ref('golden_records') }} as people on waiting.customer_id = people.customer_id
    left join {{ ref('config_purposes') }} as purposes on waiting.purpose = purposes.purpose
),

suppressions as (
    select * from {{ ref('suppressions') }}
),

suppressed as (
    select messages.entry_id
    from messages
    inner join suppressions on messages.customer_id = suppressions.customer_id
    where
        suppressions.contact_point is null
        and (suppressions.channel is null or suppressions.channel = messages.family)
    union
    select messages.entry_id
    from messages
    inner join suppressions on messages.contact_point = suppressions.contact_point
    where suppressions.channel is null or suppressions.channel = messages.family
),

consents as (
    select * from {{ ref('consents') }}
),

said as (
    select
        messages.entry_id,
        max(case when consents.state in ('denied', 'objected', 'unknown') then 1 else 0 end) as refuses,
        max(
            case
                when
                    consents.state = 'withdrawn'
                    and (consents.contact_point is null or consents.contact_point = messages.contact_point)
                    then 1
                else 0
            end
        ) as withdrew,
        max(
            case
                when
                    consents.state = 'granted'
                    and consents.contact_point = messages.contact_point
                    and {{ channel_family('consents.channel') }} = messages.family
                    then 1
                else 0
            end
        ) as granted
    from messages
    inner join consents on messages.customer_id = consents.customer_id and messages.purpose = consents.purpose
    group by messages.entry_id
),

-- an address that refused stays refused, whichever profile holds it
refused as (
    select distinct messages.entry_id
    from messages
    inner join consents on messages.contact_point = consents.contact_point and messages.purpose = consents.purpose
    where consents.state in ('denied', 'objected', 'withdrawn', 'unknown')
),

final as (
    select
        messages.entry_id,
        messages.contact_point,
        case
            when suppressed.entry_id is not null then 'suppressed'
            when messages.contact_point is null then 'no contact point'
            when said.refuses = 1 or said.withdrew = 1 or refused.entry_id is not null then 'refused'
            when messages.basis = 'consent' and coalesce(said.granted, 0) = 0 then 'no consent'
        end as obstacle
    from messages
    left join suppressed on messages.entry_id = suppressed.entry_id
    left join said on messages.entry_id = said.entry_id
    left join refused on messages.entry_id = refused.entry_id
)

select * from final
