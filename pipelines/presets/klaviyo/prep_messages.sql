-- Grain: one row per delivered event; metrics about a message in our words.
-- Reads: id, type, person_id, campaign_id, flow_id, datetime, _variation, property_bounce_type, property_subject
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'messages') }}
),

final as (
    select
        *,
        case
            when type in ('Received Email', 'Received SMS', 'Received Push') then 'delivered'
            when type in ('Opened Email', 'Opened Push') then 'opened'
            when type in ('Clicked Email', 'Clicked SMS') then 'clicked'
            when type in ('Bounced Email', 'Failed to Deliver SMS', 'Bounced Push') then 'bounced'
            when type = 'Marked Email as Spam' then 'complained'
            when
                type in (
                    'Unsubscribed', 'Unsubscribed from Email Marketing', 'Unsubscribed from SMS',
                    'Unsubscribed from SMS Marketing'
                )
                then 'unsubscribed'
            when type in ('Dropped Email', 'Failed to deliver Automated Response SMS') then 'dropped'
            when type is not null then 'other'
        end as message_kind,
        case
            when type like '%SMS%' then 'sms'
            when type like '%Push%' then 'push'
            when type like '%Email%' or type = 'Unsubscribed' then 'email'
        end as message_channel,
        case when type = 'Bounced Email' then cast(lower(property_bounce_type) = 'hard' as varchar) end as is_hard
    from source
)

select * from final
