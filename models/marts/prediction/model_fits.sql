-- Grain: one row per model, attempt and parameter; a refused model without parameters has one row, named none.
with

runs as (
    select * from {{ ref('model_runs') }}
),

final as (
    select
        model,
        cast(fit_seq as bigint) as fit_seq,
        name,
        value,
        cast(n as bigint) as n,
        log_likelihood,
        backtest_error,
        refused_because,
        cast(horizon_days as bigint) as horizon_days,
        week_start,
        cast(fitted_as_of as timestamp) as fitted_as_of,
        settings,
        run_id
    from runs
    where part = 'parameter'
)

select * from final
