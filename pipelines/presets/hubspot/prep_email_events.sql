-- Grain: one row per delivered email event, its type in our words.
-- Reads: id, created, type, recipient, emailCampaignId, sentBy, filteredEvent, category, portalSubscriptionStatus
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'email_events') }}
),

final as (
    select
        *,
        coalesce(json_extract_string("sentBy", '/id'), case when type = 'SENT' then id end) as sent_id,
        -- a change of status is an unsubscription unless it says the opposite: a stop too many is mended by the next grant
        case
            when type = 'OPEN' then 'opened'
            when type = 'CLICK' then 'clicked'
            when type = 'BOUNCE' then 'bounced'
            when type = 'SPAMREPORT' then 'complained'
            when type = 'STATUSCHANGE' and "portalSubscriptionStatus" = 'SUBSCRIBED' then 'subscribed'
            when type = 'STATUSCHANGE' then 'unsubscribed'
            else lower(type)
        end as event_kind,
        case when type = 'BOUNCE' then cast(category in ('UNKNOWN_USER', 'MAILBOX_MISCONFIGURATION') as varchar) end
            as is_hard,
        {{ epoch_millis('created') }} as occurred
    from source
)

select * from final
