-- Grain: one row per measure and score of the present window: where the score begins, and how many have it.
with

scores as (
    select * from {{ ref('customer_rfm') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

measured as (
    {% for measure, value in [('recency', 'recency_days'), ('frequency', 'frequency'), ('monetary', 'monetary')] %}
    select
        '{{ measure }}' as measure,
        {{ measure }}_score as score,
        cast({{ value }} as double) as value
    from scores
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        {{ local_month('clock.as_of') }} as month_start,
        measured.measure,
        measured.score,
        min(measured.value) as lower_bound,
        max(measured.value) as upper_bound,
        count(*) as n
    from measured
    cross join clock
    group by {{ local_month('clock.as_of') }}, measured.measure, measured.score
)

select * from final
