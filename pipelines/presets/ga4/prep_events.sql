-- Grain: one row per delivered event, with a number of its own and the parameters everybody asks for.
-- Reads: event_timestamp, event_name, event_bundle_sequence_id, batch_page_id, batch_ordering_id, batch_event_index, user_pseudo_id, user_id, event_params, device, geo, platform, stream_id, collected_traffic_source
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'events') }}
),

-- GA4 gives events no number. The batch columns are empty in older tables; then two events of one request share
-- their time, and only the parameters tell them apart
named as (
    select
        *,
        md5(concat_ws(
            '|', event_timestamp, event_name, coalesce(user_pseudo_id, ''), coalesce(user_id, ''),
            coalesce(event_bundle_sequence_id, ''), coalesce(batch_page_id, ''), coalesce(batch_ordering_id, ''),
            coalesce(batch_event_index, ''), coalesce(event_params, '')
        )) as message_id,
        {{ json_keyed('event_params', 'page_location') }} as location_param,
        {{ json_keyed('event_params', 'page_referrer') }} as referrer_param,
        {{ json_keyed('event_params', 'page_title') }} as title_param,
        {{ json_keyed('event_params', 'ga_session_id') }} as session_param,
        {{ json_keyed('event_params', 'source') }} as source_param,
        {{ json_keyed('event_params', 'medium') }} as medium_param,
        {{ json_keyed('event_params', 'campaign') }} as campaign_param
    from source
),

valued as (
    select
        *,
        {{ json_value('location_param', 'string_value') }} as page_location,
        {{ json_value('referrer_param', 'string_value') }} as page_referrer,
        coalesce({{ json_value('session_param', 'int_value') }}, {{ json_value('session_param', 'string_value') }}) as ga_session_id
    from named
),

final as (
    select
        *,
        {{ epoch_micros('event_timestamp') }} as occurred_time,
        case event_name when 'page_view' then 'page' when 'screen_view' then 'screen' else 'track' end as event_type,
        case
            when event_name = 'page_view' then coalesce({{ json_value('title_param', 'string_value') }}, event_name)
            else event_name
        end as shown_name,
        case
            when page_location is not null
                then coalesce(nullif({{ regexp_replace_all('page_location', '^[a-z]+://[^/?#]*|[?#].*$', '') }}, ''), '/')
        end as page_path,
        -- session numbers are seconds: two devices may begin in one
        case when ga_session_id <> '' then concat_ws('.', user_pseudo_id, ga_session_id) end as session_number,
        {{ json_value('device', 'category') }} as device_category,
        {{ json_value('geo', 'country') }} as geo_country,
        coalesce(
            {{ json_value('collected_traffic_source', 'manual_source') }}, {{ json_value('source_param', 'string_value') }}
        ) as source_name,
        coalesce(
            {{ json_value('collected_traffic_source', 'manual_medium') }}, {{ json_value('medium_param', 'string_value') }}
        ) as medium_name,
        coalesce(
            {{ json_value('collected_traffic_source', 'manual_campaign_name') }},
            {{ json_value('campaign_param', 'string_value') }}
        ) as campaign_name,
        {{ json_value('collected_traffic_source', 'manual_term') }} as term_name,
        {{ json_value('collected_traffic_source', 'manual_content') }} as content_name
    from valued
)

select * from final
