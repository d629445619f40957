-- Grain: one row per question and topic: the mean score of answers whose text is about the topic beside those whose text is not.
{% set family = 'partition by question, p_value is not null' %}
with

sums as (
    select * from {{ ref('int_text__topic_sums') }}
),

-- Per side, with every person's answers as one draw (linearised, people less one): its variance, and what both sides share of people
-- who wrote with the topic and without it.
apart as (
    select
        *,
        mean_with - mean_without as impact,
        error_with + error_without as plain,
        respondents < n_with + n_without as is_clustered,
        respondents_with / nullif(respondents_with - 1e0, 0) as few_with,
        respondents_without / nullif(respondents_without - 1e0, 0) as few_without,
        (tt - 2 * mean_with * nt + mean_with * mean_with * nn) / (n_with * n_with) as drawn_with,
        (other_tt - 2 * mean_without * other_nt + mean_without * mean_without * other_nn)
        / nullif(n_without * n_without, 0) as drawn_without,
        (
            cross_tt - mean_without * cross_tn - mean_with * cross_nt
            + mean_with * mean_without * cross_nn
        ) / nullif(n_with * n_without, 0) as drawn_both
    from sums
),

-- people who answer alike count for less than their answers, never for more
spread as (
    select
        *,
        case
            when is_clustered
                then greatest(
                    plain,
                    few_with * drawn_with + few_without * drawn_without
                    - 2 * sqrt(few_with * few_without) * drawn_both
                )
            else plain
        end as variance,
        -- Satterthwaite, rounded down
        case
            when plain > 0 and respondents_with > 1 and respondents_without > 1
                then
                    floor(
                        plain * plain
                        / (
                            error_with * error_with / (respondents_with - 1)
                            + error_without * error_without / (respondents_without - 1)
                        )
                    )
        end as df
    from apart
),

quantiles as (
    select * from {{ ref('t_quantiles') }}
),

bounded as (
    select
        spread.*,
        {{ cx_t_quantile('spread.df', 'quantiles.quantile') }} * sqrt(spread.variance) as half_width,
        least(spread.n_with, spread.n_without) >= {{ var('min_sample') }} as enough_n
    from spread
    left join quantiles on cast(spread.df as {{ sql_type('int') }}) = quantiles.df
),

-- the normal distance that is as rare as this t (Wallace 1959; the chance is good to a thousandth from 10 degrees of freedom)
distances as (
    select
        *,
        case
            when enough_n and variance > 0
                then (8 * df + 1) / (8 * df + 3) * sqrt(df * ln(1 + impact * impact / (variance * df)))
        end as distance
    from bounded
),

tested as (
    select
        *,
        {{ cx_two_sided_p('distance') }} as p_value
    from distances
),

-- Holm over all topics of one question: they overlap, and many are looked at
ranked as (
    select
        *,
        count(*) over ({{ family }}) as tests,
        row_number() over ({{ family }} order by p_value, topic) as place
    from tested
),

corrected as (
    select
        *,
        case
            when p_value is not null
                then max(least(1e0, (tests - place + 1) * p_value)) over (
                    {{ family }} order by place rows between unbounded preceding and current row
                )
        end as p_adjusted
    from ranked
),

final as (
    select
        question || '|' || topic as impact_id,
        question,
        metric,
        topic,
        origin,
        cast(n_with as bigint) as n_with,
        cast(n_without as bigint) as n_without,
        respondents_with,
        respondents_without,
        mean_with,
        mean_without,
        impact,
        impact - half_width as ci_low,
        impact + half_width as ci_high,
        enough_n,
        p_value,
        p_adjusted,
        p_adjusted < {{ var('significance_level') }} as is_significant
    from corrected
)

select * from final
