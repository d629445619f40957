{{ config(materialized='view') }}
-- Grain: one row per CES question and touchpoint, over all time.
select
    question,
    kind,
    dimension_value as touchpoint,
    n,
    respondents,
    satisfied as easy,
    cast(satisfied as double) / n as share_easy,
    score as ces,
    ci_low,
    ci_high,
    enough_n
from {{ ref('cx_scores') }}
where metric = 'ces' and period = 'all' and dimension = 'touchpoint'
