{{ config(schema='customer') }}
-- Grain: one row per question, period, period_start, dimension and dimension_value with at least one answer.
-- Whole numbers only, so that no order of adding up can change a figure in its last digit.
{% set periods = ['year', 'quarter', 'month', 'week'] %}
with

answers as (
    select
        question,
        metric,
        kind,
        -- counting different people is the dear part: only those who answered a question twice need it
        case when count(*) over (partition by question, respondent) > 1 then respondent end as repeated_respondent,
        oriented_score,
        nps_points,
        coalesce(is_satisfied, is_easy) as is_good,
        cast(weight as decimal(28,12)) as weight,
        {{ local_date('responded_at') }} as answered_on,
        {{ cx_dimensions() | join(',\n        ') }}
    from {{ ref('feedback') }}
),

by_dimension as (
    select
        *,
        'all' as dimension,
        'all' as dimension_value
    from answers
    {% for dimension in cx_dimensions() %}
    union all
    select
        *,
        '{{ dimension }}' as dimension,
        {{ dimension }} as dimension_value
    from answers
    where {{ dimension }} is not null
    {% endfor %}
),

-- an answer without a date is in no year, quarter, month or week
by_period as (
    select
        *,
        'all' as period,
        cast(null as date) as period_start
    from by_dimension
    {% for period in periods %}
    union all
    select
        *,
        '{{ period }}' as period,
        {{ cx_period_start(period, 'answered_on') }} as period_start
    from by_dimension
    where answered_on is not null
    {% endfor %}
),

final as (
    select
        metric,
        question,
        kind,
        period,
        period_start,
        dimension,
        dimension_value,
        count(*) as n,
        count(*) filter (where repeated_respondent is null) + count(distinct repeated_respondent) as respondents,
        case when metric = 'nps' then count(*) filter (where nps_points = 100) end as promoters,
        case when metric = 'nps' then count(*) filter (where nps_points = 0) end as passives,
        case when metric = 'nps' then count(*) filter (where nps_points = -100) end as detractors,
        case when metric in ('csat', 'ces') then count(*) filter (where is_good) end as satisfied,
        cast(sum(oriented_score) as bigint) as sum_score,
        cast(sum(cast(oriented_score as bigint) * oriented_score) as bigint) as sum_squares,
        cast(sum(weight) as double) as sum_weight
    from by_period
    group by metric, question, kind, period, period_start, dimension, dimension_value
)

select * from final
