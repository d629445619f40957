{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='coalesce(customer_id, device_id)',
) }}
-- Grain: one row per session, with where it came from, on what kind of device, and whether a robot made it.
with

settings as (
    select
        bot_min_events,
        bot_seconds_per_event,
        bot_longest_seconds
    from {{ ref('config_web') }}
),

words as (
    select * from {{ ref('config_web_words') }}
),

visits as (
    select * from {{ ref('int_web__visits') }}
    where {{ is_touched('coalesce(customer_id, device_id)') }}
),

-- all of it from the first event, so that landing page and campaign belong together
landed as (
    select
        visits.*,
        events.anonymous_id,
        events.source,
        events.brand,
        events.platform,
        events.user_agent,
        events.page_url as landing_url,
        events.page_path as landing_path,
        events.referrer,
        events.channel as declared_channel,
        {{ url_host('events.referrer') }} as referrer_host,
        {% for part in ['source', 'medium', 'campaign', 'term', 'content'] -%}
        coalesce(events.utm_{{ part }}, {{ url_parameter('events.page_url', 'utm_' ~ part) }}) as utm_{{ part }},
        {% endfor -%}
        -- clicks on search ads that carry their number and no campaign
        case
            when instr(events.page_url, 'id=') > 0
                then {{ matches('events.page_url', '[?&](gclid|gbraid|wbraid|msclkid)=') }}
            else false
        end as is_ad_click
    from visits
    inner join {{ ref('stg_events') }} as events on visits.first_record_id = events.record_id
),

tokens as (
    select
        token,
        kind,
        priority
    from {{ ref('web_agents') }}
    union all
    select
        word as token,
        'bot' as kind,
        1 as priority
    from words
    where kind = 'bot'
),

agents as (
    select distinct user_agent from landed
    where user_agent is not null
),

known_agents as (
    select
        agents.user_agent,
        {{ bool_or("tokens.kind = 'bot'") }} and not {{ bool_or("tokens.kind = 'person'") }} as is_bot,
        {{ max_by("case when tokens.priority > 1 then tokens.kind end", "100 - tokens.priority") }} as device_type
    from agents
    inner join tokens on instr(lower(agents.user_agent), tokens.token) > 0
    group by agents.user_agent
),

sourced as (
    select
        *,
        {{ host_label('referrer_host') }} as referrer_label,
        -- only compared with where they came from
        case when referrer_host is not null then {{ host_label(url_host('landing_url')) }} end as landing_label
    from landed
),

referred as (
    select
        *,
        -- from another site: the own one in another of its hosts sends nobody
        coalesce(referrer_label <> coalesce(landing_label, ''), false) as is_referred
    from sourced
),

media as (
    select
        *,
        case
            when utm_medium is not null then utm_medium
            when is_ad_click then 'cpc'
            when utm_source is not null or is_referred then '(none)'
            when landing_url is not null or landing_path is not null then 'direct'
        end as medium,
        case when utm_source is not null then utm_source when is_referred then referrer_host end as source_name,
        case when utm_source is null and is_referred then referrer_label end as source_label
    from referred
),

kinds as (
    select
        media.*,
        coalesce(
            by_name.kind,
            by_label.kind,
            case when media.is_ad_click and media.source_name is null then 'search' end,
            'any'
        ) as source_kind
    from media
    left join {{ ref('web_sources') }} as by_name on media.source_name = by_name.name
    left join {{ ref('web_sources') }} as by_label on media.source_label = by_label.name
),

judged as (
    select
        kinds.*,
        cast({{ seconds_between('kinds.started_at', 'kinds.ended_at') }} as double) as seconds,
        known_agents.is_bot as is_named_bot,
        known_agents.device_type as agent_device
    from kinds
    left join known_agents on kinds.user_agent = known_agents.user_agent
),

reasoned as (
    select
        judged.*,
        case
            when judged.is_named_bot then 'user agent'
            when judged.seconds > settings.bot_longest_seconds then 'no rest'
            when
                judged.events >= settings.bot_min_events
                and judged.seconds < settings.bot_seconds_per_event * (judged.events - 1)
                then 'speed'
        end as bot_reason
    from judged
    cross join settings
),

final as (
    select
        reasoned.session_id,
        reasoned.customer_id,
        reasoned.device_id,
        reasoned.anonymous_id,
        reasoned.source,
        reasoned.brand,
        reasoned.started_at,
        reasoned.ended_at,
        {{ local_date('reasoned.started_at') }} as started_on,
        reasoned.seconds,
        reasoned.events,
        reasoned.pages,
        reasoned.product_viewed as product_views,
        reasoned.product_added as cart_adds,
        reasoned.cart_viewed as cart_views,
        reasoned.checkout_started as checkouts,
        reasoned.purchased as purchases,
        reasoned.purchased > 0 as has_purchase,
        reasoned.landing_url,
        reasoned.landing_path,
        reasoned.referrer,
        reasoned.referrer_host,
        reasoned.utm_source,
        reasoned.utm_medium,
        reasoned.utm_campaign,
        reasoned.utm_term,
        reasoned.utm_content,
        case
            when reasoned.declared_channel is not null then coalesce(own.meaning, reasoned.declared_channel)
            when reasoned.medium is not null then coalesce(own.meaning, exact.channel, general.channel, 'other')
        end as channel,
        reasoned.platform,
        coalesce(platforms.device_type, reasoned.agent_device) as device_type,
        reasoned.bot_reason is not null as is_bot,
        reasoned.bot_reason,
        reasoned.first_record_id
    from reasoned
    left join words as own on own.kind = 'medium' and coalesce(reasoned.declared_channel, reasoned.medium) = own.word
    left join {{ ref('web_channels') }} as exact
        on reasoned.medium = exact.medium and reasoned.source_kind = exact.source_kind
    left join {{ ref('web_channels') }} as general
        on reasoned.medium = general.medium and general.source_kind = 'any'
    left join {{ ref('web_platforms') }} as platforms on reasoned.platform = platforms.platform
)

select * from final
