-- Grain: one row per question, period, period_start, dimension and dimension_value with at least one answer.
{% set z = cx_z() %}
with

sums as (
    select * from {{ ref('int_cx__sums') }}
),

invitations as (
    select * from {{ ref('int_cx__invited') }}
),

quantiles as (
    select * from {{ ref('t_quantiles') }}
),

logged as (
    select distinct
        question,
        dimension
    from invitations
),

-- what the three intervals are made of; ces and rating: exact variance from whole numbers
prepared as (
    select
        sums.*,
        cast(sums.n as double) as size,
        (sums.promoters + 0.75e0) / (sums.n + 3) as promoter_share,
        (sums.detractors + 0.75e0) / (sums.n + 3) as detractor_share,
        cast(sums.satisfied as double) / sums.n as satisfied_share,
        cast(sums.sum_score as double) / sums.n as mean_score,
        case
            when sums.n > 1
                then
                    cast(sums.n * sums.sum_squares - sums.sum_score * sums.sum_score as double)
                    / (sums.n * (sums.n - 1))
        end as variance,
        {{ cx_t_quantile('(sums.n - 1)', 'quantiles.quantile') }} as t_quantile,
        case when logged.question is not null then coalesce(invitations.invited, 0) end as invited,
        invitations.answered
    from sums
    left join quantiles on sums.n - 1 = quantiles.df
    left join logged on sums.question = logged.question and sums.dimension = logged.dimension
    left join invitations
        on
            sums.question = invitations.question
            and sums.period = invitations.period
            and coalesce(sums.period_start, date '1970-01-01') = coalesce(invitations.period_start, date '1970-01-01')
            and sums.dimension = invitations.dimension
            and sums.dimension_value = invitations.dimension_value
),

centred as (
    select
        *,
        case metric
            when 'nps' then 100e0 * (promoters - detractors) / size
            when 'csat' then satisfied_share
            else mean_score
        end as score,
        case metric
            when 'nps' then 100e0 * (promoter_share - detractor_share)
            when 'csat' then (satisfied_share + {{ z }} * {{ z }} / (2 * size)) / (1 + {{ z }} * {{ z }} / size)
            else mean_score
        end as centre,
        case metric
            when 'nps'
                then 100e0 * {{ z }} * sqrt(
                    (
                        promoter_share + detractor_share
                        - (promoter_share - detractor_share) * (promoter_share - detractor_share)
                    ) / (size + 3)
                )
            when 'csat'
                then {{ z }} / (1 + {{ z }} * {{ z }} / size) * sqrt(
                    satisfied_share * (1 - satisfied_share) / size + {{ z }} * {{ z }} / (4 * size * size)
                )
            else t_quantile * sqrt(variance / size)
        end as half_width
    from prepared
),

scored as (
    select
        *,
        -- the adjusted interval of a single promoter ends below 100: no interval leaves out its own figure
        case when half_width is not null then least(centre - half_width, score) end as ci_low,
        case when half_width is not null then greatest(centre + half_width, score) end as ci_high,
        n >= {{ var('min_sample') }} as enough_n
    from centred
),

-- Difference of two figures with intervals of their own (MOVER, Zou and Donner 2008; for shares Newcombe's method 10):
-- it excludes zero where the change is significant at 5 %.
compared as (
    select
        now.*,
        now.score - before.score as change_vs_previous,
        sqrt(
            (now.score - now.ci_low) * (now.score - now.ci_low)
            + (before.ci_high - before.score) * (before.ci_high - before.score)
        ) as fall_room,
        sqrt(
            (now.ci_high - now.score) * (now.ci_high - now.score)
            + (before.score - before.ci_low) * (before.score - before.ci_low)
        ) as rise_room,
        now.enough_n and before.enough_n as is_comparable
    from scored as now
    left join scored as before
        on
            now.question = before.question
            and now.period = before.period
            and {{ cx_previous_start('now.period', 'now.period_start') }} = before.period_start
            and now.dimension = before.dimension
            and now.dimension_value = before.dimension_value
),

final as (
    select
        question || '/' || period || '/' || coalesce(cast(period_start as {{ sql_type('string') }}), '')
        || '/' || dimension || '/' || dimension_value as score_id,
        metric,
        question,
        kind,
        period,
        period_start,
        dimension,
        dimension_value,
        n,
        respondents,
        promoters,
        passives,
        detractors,
        satisfied,
        sum_score,
        sum_weight,
        invited,
        cast(answered as double) / nullif(invited, 0) as response_rate,
        score,
        ci_low,
        ci_high,
        enough_n,
        change_vs_previous,
        case
            when is_comparable then change_vs_previous - fall_room > 0 or change_vs_previous + rise_room < 0
        end as change_significant
    from compared
)

select * from final
