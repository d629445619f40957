{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per month, measure and score: where the score begins, and how many had it when it was computed.
-- Memory: computed when as_of enters a new month, or after `cdp rfm recompute`; a full refresh keeps it. A score is 1 plus the
-- number of fifths of all customers who are strictly worse, so equal values share one and nobody is moved by the order of a tie.
with

measures as (
    select * from {{ ref('customer_rfm_measures') }}
    where is_new
),

measured as (
    {% for measure, value, better in [
        ('recency', 'recency_days', '-recency_days'),
        ('frequency', 'frequency', 'frequency'),
        ('monetary', 'monetary', 'monetary'),
    ] %}
    select
        '{{ measure }}' as measure,
        month_start,
        window_months,
        computed_at,
        cast({{ value }} as double) as value,
        cast({{ better }} as double) as better
    from measures
    where {{ value }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ranked as (
    select
        *,
        count(*) over (partition by measure) as people,
        rank() over (partition by measure order by better) - 1 as worse
    from measured
),

scored as (
    select
        *,
        cast(1 + floor(5.0 * worse / people) as {{ sql_type('int') }}) as score
    from ranked
),

final as (
    select
        month_start,
        measure,
        score,
        min(value) as lower_bound,
        max(value) as upper_bound,
        count(*) as n,
        window_months,
        computed_at
    from scored
    group by month_start, measure, score, window_months, computed_at
)

select * from final
