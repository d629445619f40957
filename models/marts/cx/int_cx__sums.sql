{{ config(schema='customer') }}
-- Grain: one row per question, period, period_start, dimension and dimension_value with at least one answer.
-- Exact numbers only, so that no order of adding up can change a figure in its last digit. Days are summed first: the
-- answers are read once per cut, not once per cut and period.
{% set sums = [
    'n', 'promoters', 'passives', 'detractors', 'satisfied', 'sum_score', 'sum_squares', 'weighted_n', 'sum_weight',
    'w', 'ww', 'wy', 'wyy', 'wwy', 'wwyy',
] %}
{% set cell = ['metric', 'question', 'kind', 'dimension', 'dimension_value'] %}
{% set read = [
    'metric', 'question', 'kind', 'answered_on', 'oriented_score', 'nps_points', 'is_good', 'points', 'weight',
    'relative_weight', 'weighted_points',
] %}
with

answers as (
    select * from {{ ref('int_cx__points') }}
),

further as (
    select * from {{ ref('config_cx_dimensions') }}
),

by_dimension as (
    {{ cx_by_dimension('answers', read, cx_dimensions(), 'further') }}
),

days as (
    select
        {{ cell | join(',\n        ') }},
        answered_on,
        count(*) as n,
        count(*) filter (where nps_points = 100) as promoters,
        count(*) filter (where nps_points = 0) as passives,
        count(*) filter (where nps_points = -100) as detractors,
        count(*) filter (where is_good) as satisfied,
        cast(sum(oriented_score) as bigint) as sum_score,
        cast(sum(cast(oriented_score as bigint) * oriented_score) as bigint) as sum_squares,
        count(relative_weight) as weighted_n,
        sum(weight) as sum_weight,
        -- of weight w and points y: sums of w, w w, w y, w y y, w w y, w w y y
        sum(relative_weight) as w,
        sum(relative_weight * relative_weight) as ww,
        sum(weighted_points) as wy,
        sum(weighted_points * points) as wyy,
        sum(relative_weight * weighted_points) as wwy,
        sum(weighted_points * weighted_points) as wwyy
    from by_dimension
    group by {{ cell | join(', ') }}, answered_on
),

by_period as (
    {{ cx_by_period('days', cell + sums, 'answered_on') }}
),

totals as (
    select
        {{ cell | join(',\n        ') }},
        period,
        period_start,
        {% for name in sums -%}
        sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from by_period
    group by {{ cell | join(', ') }}, period, period_start
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
        cast(n as bigint) as n,
        case when metric = 'nps' then cast(promoters as bigint) end as promoters,
        case when metric = 'nps' then cast(passives as bigint) end as passives,
        case when metric = 'nps' then cast(detractors as bigint) end as detractors,
        case when metric in ('csat', 'ces') then cast(satisfied as bigint) end as satisfied,
        cast(sum_score as bigint) as sum_score,
        cast(sum_squares as bigint) as sum_squares,
        cast(sum_weight as double) as sum_weight,
        -- one answer without a weight, and the cell has no weighted figure
        {% for name in ['w', 'ww', 'wy', 'wyy', 'wwy', 'wwyy'] -%}
        case when weighted_n = n then cast({{ name }} as double) end as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from totals
)

select * from final
