-- Grain: one row per period, period_start, dimension and dimension_value: sessions, those with a purchase, and their share.
{% set dimensions = ['channel', 'device_type', 'visit', 'brand', 'source', 'utm_campaign'] %}
with

sessions as (
    select
        started_on,
        has_purchase,
        channel,
        device_type,
        brand,
        source,
        utm_campaign,
        case
            when
                row_number() over (partition by coalesce(customer_id, device_id) order by started_at, session_id) = 1
                then 'first'
            else 'returning'
        end as visit
    from {{ ref('sessions') }}
    where not is_bot
),

by_dimension as (
    {{ cx_by_dimension('sessions', ['started_on', 'has_purchase'], dimensions) }}
),

daily as (
    select
        started_on,
        dimension,
        dimension_value,
        count(*) as n,
        count(*) filter (where has_purchase) as converted
    from by_dimension
    group by started_on, dimension, dimension_value
),

by_period as (
    {{ cx_by_period('daily', ['dimension', 'dimension_value', 'n', 'converted'], 'started_on', ['month', 'week']) }}
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
