-- Grain: one row per period, period_start, site and landing page: sessions that began there, those with a purchase in them, and
-- those that an order followed within the look-back of attribution. Robots are counted apart and in no rate.
{% set counts = ['bot_sessions', 'n', 'converted', 'mature_n', 'led_to_order'] %}
{% set cell = ['site', 'landing_page'] %}
with

settings as (
    select
        config.lookback_seconds,
        clock.as_of
    from {{ ref('config_web') }} as config
    cross join {{ ref('run_clock') }} as clock
),

orders as (
    select
        attribution.session_id,
        sum(attribution.last_non_direct_weight) as credited_orders
    from {{ ref('attribution') }} as attribution
    cross join settings
    where attribution.session_id is not null and attribution.converted_at <= settings.as_of
    group by attribution.session_id
),

sessions as (
    select
        -- a month's part of a week lies in one of each: told by its first day, and fewer than days
        greatest(
            {{ cx_period_start('month', 'sessions.started_on') }}, {{ cx_period_start('week', 'sessions.started_on') }}
        ) as part_from,
        sessions.is_bot,
        sessions.has_purchase,
        coalesce({{ url_host('sessions.landing_url') }}, '') as site,
        {{ page_of('sessions.landing_path', 'sessions.landing_url') }} as landing_page,
        orders.session_id is not null as led_to_order,
        coalesce(orders.credited_orders, 0) as credited_orders,
        -- whether the time in which an order would be followed up to it is over
        {{ seconds_between('sessions.started_at', 'settings.as_of') }} >= settings.lookback_seconds as is_mature
    from {{ ref('sessions') }} as sessions
    cross join settings
    left join orders on sessions.session_id = orders.session_id
),

parts as (
    select
        part_from,
        site,
        landing_page,
        count(*) filter (where is_bot) as bot_sessions,
        count(*) filter (where not is_bot) as n,
        count(*) filter (where not is_bot and has_purchase) as converted,
        count(*) filter (where not is_bot and is_mature) as mature_n,
        count(*) filter (where not is_bot and is_mature and led_to_order) as led_to_order,
        sum(credited_orders) as credited_orders
    from sessions
    group by part_from, site, landing_page
),

by_period as (
    {{ cx_by_period('parts', cell + counts + ['credited_orders'], 'part_from', ['month', 'week']) }}
),

summed as (
    select
        period,
        period_start,
        site,
        landing_page,
        {% for name in counts -%}
        cast(sum({{ name }}) as bigint) as {{ name }},
        {% endfor -%}
        cast(sum(credited_orders) as decimal(28, 12)) as credited_orders
    from by_period
    group by period, period_start, site, landing_page
),

final as (
    select
        period,
        period_start,
        site,
        landing_page,
        bot_sessions,
        n,
        converted,
        cast({{ share_of('converted', 'n') }} as double) as rate,
        cast({{ share_low('converted', 'n') }} as double) as ci_low,
        cast({{ share_high('converted', 'n') }} as double) as ci_high,
        n >= {{ var('min_sample') }} as enough_n,
        mature_n,
        led_to_order,
        cast({{ share_of('led_to_order', 'mature_n') }} as double) as order_rate,
        cast({{ share_low('led_to_order', 'mature_n') }} as double) as order_low,
        cast({{ share_high('led_to_order', 'mature_n') }} as double) as order_high,
        mature_n >= {{ var('min_sample') }} as enough_mature_n,
        credited_orders
    from summed
)

select * from final
