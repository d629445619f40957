{{ config(materialized='view') }}
-- Grain: one row per CSAT question and touchpoint, over all time.
select
    question,
    kind,
    dimension_value as touchpoint,
    n,
    respondents,
    satisfied,
    score as csat,
    ci_low,
    ci_high,
    enough_n
from {{ ref('cx_scores') }}
where metric = 'csat' and period = 'all' and dimension = 'touchpoint'
