-- Grain: one row per period, period_start, dimension and dimension_value: sessions, those with a purchase, and their share.
{% set dimensions = ['channel', 'device_type', 'brand', 'source', 'utm_campaign'] %}
with

-- one reading of all sessions, then one row a cut
cells as (
    select
        started_on,
        channel,
        device_type,
        brand,
        source,
        utm_campaign,
        count(*) as n,
        count(*) filter (where has_purchase) as converted
    from {{ ref('sessions') }}
    where not is_bot
    group by started_on, channel, device_type, brand, source, utm_campaign
),

by_dimension as (
    {{ cx_by_dimension('cells', ['started_on', 'n', 'converted'], dimensions) }}
),

daily as (
    select
        started_on,
        dimension,
        dimension_value,
        sum(n) as n,
        sum(converted) as converted
    from by_dimension
    group by started_on, dimension, dimension_value
),

firsts as (
    select
        first_visit_on as started_on,
        count(*) as n,
        count(*) filter (where first_has_purchase) as converted
    from {{ ref('int_web__visitors') }}
    where first_visit_on is not null
    group by first_visit_on
),

-- who comes for the first time has a first visit, and all else is returning
visits as (
    select
        started_on,
        'visit' as dimension,
        'first' as dimension_value,
        n,
        converted
    from firsts
    union all
    select
        daily.started_on,
        'visit' as dimension,
        'returning' as dimension_value,
        daily.n - coalesce(firsts.n, 0) as n,
        daily.converted - coalesce(firsts.converted, 0) as converted
    from daily
    left join firsts on daily.started_on = firsts.started_on
    where daily.dimension = 'all' and daily.n > coalesce(firsts.n, 0)
),

days as (
    select * from daily
    union all
    select * from visits
),

by_period as (
    {{ cx_by_period('days', ['dimension', 'dimension_value', 'n', 'converted'], 'started_on', ['month', 'week']) }}
),

summed as (
    select
        period,
        period_start,
        dimension,
        dimension_value,
        cast(sum(n) as bigint) as n,
        cast(sum(converted) as bigint) as converted
    from by_period
    group by period, period_start, dimension, dimension_value
),

final as (
    select
        period || '/' || coalesce(cast(period_start as {{ sql_type('string') }}), '')
        || '/' || dimension || '/' || dimension_value as conversion_rate_id,
        period,
        period_start,
        dimension,
        dimension_value,
        n,
        converted,
        converted * 1e0 / n as rate,
        {{ share_low('converted', 'n') }} as ci_low,
        {{ share_high('converted', 'n') }} as ci_high,
        n >= {{ var('min_sample') }} as enough_n
    from summed
)

select * from final
