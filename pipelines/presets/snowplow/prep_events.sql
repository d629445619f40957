-- Grain: one row per delivered event, with type and name in the words of the event spec.
-- Reads: event_id, event, event_name, page_title, se_action, se_category, derived_tstamp, collector_tstamp, domain_userid, user_id, dvce_type, page_url, page_urlpath, page_referrer, mkt_source, mkt_medium, mkt_campaign, mkt_term, mkt_content, useragent, domain_sessionid, app_id, platform, geo_country
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'events') }}
),

final as (
    select
        *,
        case
            when event = 'page_view' then 'page'
            when event_name = 'screen_view' then 'screen'
            when event is not null then 'track'
        end as canonical_type,
        case
            when event = 'page_view' then page_title
            when event = 'struct' then se_action
            else coalesce(event_name, event)
        end as canonical_name
    from source
)

select * from final
