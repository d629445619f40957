{{ config(schema='customer') }}
-- Grain: one row per question, period, period_start, dimension and dimension_value in which somebody answered twice.
-- What the sums of single answers lack to be sums of people: over everybody with several answers in the cell, the square
-- of his sum less the sum of his squares. Who answered once in a period answered once in each of its cuts: he goes first.
{% set cell = ['question', 'period', 'period_start', 'dimension', 'dimension_value'] %}
{% set answer = ['points', 'relative_weight', 'weighted_points'] %}
{% set columns = ['question', 'person'] + answer + cx_dimensions() + ['attributes'] %}
with

repeated as (
    select *
    from {{ ref('int_cx__points') }}
    where is_repeated
),

people as (
    select
        respondent,
        row_number() over (order by respondent) as person
    from repeated
    group by respondent
),

answers as (
    select
        repeated.*,
        people.person
    from repeated
    inner join people on repeated.respondent = people.respondent
),

further as (
    select * from {{ ref('config_cx_dimensions') }}
),

-- who answered twice in a period answered next before or after in it: one look at the neighbours serves all periods
neighbours as (
    select
        *,
        lag(answered_on) over (partition by person, question order by answered_on) as previous_on,
        lead(answered_on) over (partition by person, question order by answered_on) as next_on
    from answers
),

several as (
    select
        {{ columns | join(',\n        ') }},
        'all' as period,
        cast(null as date) as period_start
    from neighbours
    {%- for period in ['year', 'quarter', 'month', 'week'] %}
    {%- set start = cx_period_start(period, 'answered_on') %}
    union all
    select
        {{ columns | join(',\n        ') }},
        '{{ period }}' as period,
        {{ start }} as period_start
    from neighbours
    where
        {{ start }} = {{ cx_period_start(period, 'previous_on') }}
        or {{ start }} = {{ cx_period_start(period, 'next_on') }}
    {%- endfor %}
),

by_dimension as (
    {{ cx_by_dimension(
        'several', ['question', 'person', 'period', 'period_start'] + answer, cx_dimensions(), 'further'
    ) }}
),

sums as (
    select
        {{ cell | join(',\n        ') }},
        person,
        count(*) as n,
        cast(sum(points) as bigint) as y,
        cast(sum(points * points) as bigint) as yy,
        sum(relative_weight) as w,
        sum(weighted_points) as wy,
        sum(relative_weight * relative_weight) as ww,
        sum(relative_weight * weighted_points) as wwy,
        sum(weighted_points * weighted_points) as wwyy
    from by_dimension
    group by {{ cell | join(', ') }}, person
    having count(*) > 1
),

final as (
    select
        {{ cell | join(',\n        ') }},
        cast(sum(n - 1) as bigint) as repeats,
        cast(sum(n * n - n) as bigint) as more_nn,
        cast(sum(n * y - y) as bigint) as more_ny,
        cast(sum(y * y - yy) as bigint) as more_yy,
        cast(sum(cast(w as decimal(19, 8)) * cast(w as decimal(19, 8)) - ww) as double) as more_ww,
        cast(sum(cast(w as decimal(19, 8)) * cast(wy as decimal(19, 8)) - wwy) as double) as more_wwy,
        cast(sum(cast(wy as decimal(19, 8)) * cast(wy as decimal(19, 8)) - wwyy) as double) as more_wwyy
    from sums
    group by {{ cell | join(', ') }}
)

select * from final
