{{ config(schema='customer') }}
-- Grain: one row per foreign currency and day on which we know what one unit is worth in the reporting currency.
-- The company's own quotes go before the shipped ones of a day, a direct quote before its inverse and that before a cross rate.
-- A day without a quote takes the latest one that is not older than rates.max_age_days.
with

settings as (
    select * from {{ ref('config_commerce') }}
),

delivered as (
    select
        0 as origin,
        day,
        base,
        currency,
        rate,
        row_number() over (
            partition by day, base, currency
            order by record_updated_at desc nulls last, load_seq desc, record_id desc
        ) as age
    from {{ ref('stg_exchange_rates') }}
    where rate > 0
    union all
    select
        1 as origin,
        day,
        base,
        currency,
        rate,
        1 as age
    from {{ ref('exchange_rates') }}
),

quotes as (
    select
        origin,
        day,
        base,
        currency,
        rate
    from delivered
    where age = 1 and base <> currency
),

valued as (
    select
        origin,
        day,
        base as currency,
        rate as worth,
        1 as detour,
        '' as over_currency
    from quotes
    where currency = {{ reporting_currency() }}
    union all
    select
        origin,
        day,
        currency,
        1 / rate as worth,
        2 as detour,
        '' as over_currency
    from quotes
    where base = {{ reporting_currency() }}
    union all
    select
        ours.origin,
        ours.day,
        theirs.currency,
        ours.rate / theirs.rate as worth,
        3 as detour,
        ours.base as over_currency
    from quotes as ours
    inner join quotes as theirs
        on
            ours.origin = theirs.origin
            and ours.day = theirs.day
            and ours.base = theirs.base
            and ours.currency <> theirs.currency
    where ours.currency = {{ reporting_currency() }}
),

ranked as (
    select
        currency,
        day,
        worth,
        row_number() over (partition by currency, day order by origin, detour, over_currency) as place
    from valued
),

placed as (
    select
        currency,
        day,
        worth,
        lead(day) over (partition by currency order by day) as next_day
    from ranked
    where place = 1
),

-- a quote serves until the day before the next one, and no longer than it may
served as (
    select
        placed.currency,
        placed.day,
        placed.worth,
        least(
            {{ days_later('placed.day', 'settings.rates_max_age_days') }},
            coalesce({{ days_later('placed.next_day', '-1') }}, cast('9999-12-31' as date))
        ) as last_day
    from placed
    cross join settings
),

final as (
    select
        currency,
        {{ period_series('day', 'last_day', 'day') }} as day,
        day as quoted_on,
        cast(worth as decimal(20, 12)) as rate
    from served
)

select * from final
