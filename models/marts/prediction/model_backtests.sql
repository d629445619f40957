-- Grain: one row per model, attempt and tenth of the people by score (10: the highest), 0 for everybody.
with

runs as (
    select * from {{ ref('model_runs') }}
),

final as (
    select
        model,
        cast(fit_seq as bigint) as fit_seq,
        cast(decile as bigint) as decile,
        cast(n as bigint) as n,
        predicted_rate,
        actual_rate,
        actual_low,
        actual_high,
        lift,
        recency_lift,
        predicted_orders,
        actual_orders,
        predicted_revenue,
        actual_revenue,
        brier_score,
        base_brier_score,
        recency_brier_score,
        backtest_error,
        refused_because,
        cast(horizon_days as bigint) as horizon_days,
        cutoff_on,
        week_start,
        cast(fitted_as_of as timestamp) as fitted_as_of,
        run_id
    from runs
    where part = 'backtest'
)

select * from final
