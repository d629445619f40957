-- Grain: one row per day, from 1 January 30 years before as_of to 31 December two years after it.
-- Days are those of the reporting zone; a week begins as cdp.yml says. Every metric finds its periods here.
with

clock as (
    select {{ local_date('as_of') }} as today from {{ ref('run_clock') }}
),

bounds as (
    select
        today,
        cast(date_trunc('year', today - interval 30 year) as date) as first_day,
        cast(date_trunc('year', today + interval 3 year) - interval 1 day as date) as last_day
    from clock
),

days as (
    select
        today,
        {{ period_series('first_day', 'last_day', 'day') }} as date_day
    from bounds
),

final as (
    select
        date_day,
        {{ cx_period_start('week', 'date_day') }} as week_start,
        {{ cx_period_start('month', 'date_day') }} as month_start,
        {{ cx_period_start('quarter', 'date_day') }} as quarter_start,
        {{ cx_period_start('year', 'date_day') }} as year_start,
        cast(extract(isodow from date_day) as {{ sql_type('int') }}) as iso_weekday,
        extract(isodow from date_day) >= 6 as is_weekend,
        -- today still runs: its counts will grow
        date_day < today as is_complete
    from days
)

select * from final
