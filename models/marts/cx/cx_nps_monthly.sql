{{ config(materialized='view') }}
-- Grain: one row per NPS question and calendar month (reporting timezone) with at least one answer.
select
    question,
    kind,
    period_start as month_start,
    n,
    respondents,
    promoters,
    passives,
    detractors,
    score as nps,
    ci_low,
    ci_high,
    enough_n,
    response_rate,
    change_vs_previous,
    change_significant
from {{ ref('cx_scores') }}
where metric = 'nps' and period = 'month' and dimension = 'all'
