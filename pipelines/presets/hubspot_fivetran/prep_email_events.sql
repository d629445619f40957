-- Grain: one row per delivered email event, its type in our words.
-- Reads: id, type, created, recipient, email_campaign_id, sent_by_id, filtered_event
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'email_events') }}
),

final as (
    select
        *,
        coalesce(sent_by_id, case when type = 'SENT' then id end) as sent_id,
        -- which way a status changed stands in another table: a stop too many is mended by the next grant
        case type
            when 'OPEN' then 'opened'
            when 'CLICK' then 'clicked'
            when 'BOUNCE' then 'bounced'
            when 'SPAMREPORT' then 'complained'
            when 'STATUSCHANGE' then 'unsubscribed'
            else lower(type)
        end as event_kind
    from source
)

select * from final
