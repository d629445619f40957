{{ config(schema='customer', materialized='view') }}
-- Grain: one row: the days that a prediction of this run counts from, and the settings of cdp.yml.
with

clock as (
    select
        as_of,
        {{ local_date('as_of') }} as as_of_on,
        run_id
    from {{ ref('run_clock') }}
),

settings as (
    select * from {{ ref('config_prediction') }}
),

final as (
    select
        clock.as_of,
        clock.as_of_on,
        clock.run_id,
        -- the back-test knows what had happened by the end of this day
        cast(clock.as_of_on - settings.horizon_days * interval 1 day as date) as cutoff_on,
        {{ cx_period_start('week', 'clock.as_of_on') }} as week_start,
        settings.model,
        settings.horizon_days,
        settings.margin,
        settings.discount_rate,
        settings.min_customers,
        settings.min_repeat_customers,
        settings.min_outcomes,
        settings.min_history_horizons,
        settings.min_ended_subscriptions,
        settings.max_calibration_error,
        settings.max_total_error,
        settings.max_value_correlation,
        settings.orders_include_subscriptions
    from clock
    cross join settings
)

select * from final
