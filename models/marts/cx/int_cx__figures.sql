{{ config(schema='customer') }}
-- Grain: one row per question, period, period_start, dimension and dimension_value: its figure and 95 % interval.
{% set z = cx_z() %}
with

sums as (
    select * from {{ ref('int_cx__sums') }}
),

repeats as (
    select * from {{ ref('int_cx__repeats') }}
),

quantiles as (
    select * from {{ ref('t_quantiles') }}
),

-- points are -1, 0, 1 of an NPS, 0 and 1 of a CSAT, the oriented score otherwise: a figure is their mean
joined as (
    select
        sums.*,
        repeats.question is not null as is_clustered,
        sums.n - coalesce(repeats.repeats, 0) as respondents,
        cast(sums.n as double) as answers,
        cast(
            case sums.metric
                when 'nps' then sums.promoters - sums.detractors
                when 'csat' then sums.satisfied
                else sums.sum_score
            end as double
        ) as y,
        cast(
            case sums.metric
                when 'nps' then sums.promoters + sums.detractors
                when 'csat' then sums.satisfied
                else sums.sum_squares
            end as double
        ) as yy,
        coalesce(repeats.more_nn, 0) as more_nn,
        coalesce(repeats.more_ny, 0) as more_ny,
        coalesce(repeats.more_yy, 0) as more_yy,
        coalesce(repeats.more_ww, 0e0) as more_ww,
        coalesce(repeats.more_wwy, 0e0) as more_wwy,
        coalesce(repeats.more_wwyy, 0e0) as more_wwyy
    from sums
    left join repeats
        on
            sums.question = repeats.question
            and sums.period = repeats.period
            and coalesce(sums.period_start, date '1970-01-01') = coalesce(repeats.period_start, date '1970-01-01')
            and sums.dimension = repeats.dimension
            and sums.dimension_value = repeats.dimension_value
),

-- weights leave fewer people than there are (Kish): they are the degrees of freedom of the weighted interval
peopled as (
    select
        *,
        w * w / nullif(ww + more_ww, 0) as effective_n,
        cast(round(w * w / nullif(ww + more_ww, 0)) as {{ sql_type('int') }}) as weighted_people
    from joined
),

-- variance of the mean with every answer on its own, and with every person's answers as one draw (linearised)
variances as (
    select
        peopled.*,
        {{ cx_t_quantile('(peopled.respondents - 1)', 'quantiles.quantile') }} as t_quantile,
        case
            when peopled.n > 1
                then
                    (peopled.answers * peopled.yy - peopled.y * peopled.y)
                    / (peopled.answers * peopled.answers * (peopled.answers - 1))
        end as variance,
        case
            when peopled.is_clustered and peopled.respondents > 1
                then
                    peopled.respondents / (peopled.respondents - 1e0) * (
                        peopled.yy + peopled.more_yy
                        - 2 * peopled.y / peopled.answers * (peopled.y + peopled.more_ny)
                        + peopled.y / peopled.answers * peopled.y / peopled.answers
                        * (peopled.answers + peopled.more_nn)
                    ) / (peopled.answers * peopled.answers)
        end as clustered_variance,
        peopled.wy / nullif(peopled.w, 0) as weighted_mean,
        {{ cx_t_quantile('(peopled.weighted_people - 1)', 'weighted_quantiles.quantile') }} as weighted_t_quantile
    from peopled
    left join quantiles on peopled.respondents - 1 = quantiles.df
    left join quantiles as weighted_quantiles on peopled.weighted_people - 1 = weighted_quantiles.df
),

-- people who answered alike count for less than their answers, never for more (Korn and Graubard 1998)
sized as (
    select
        *,
        case
            when not is_clustered then 1e0
            when respondents = 1 then null
            when variance = 0 then answers / respondents
            else greatest(1e0, clustered_variance / variance)
        end as design_effect,
        case
            when respondents > 1
                then greatest(
                    0e0,
                    respondents / (respondents - 1e0) * (
                        wwyy + more_wwyy
                        - 2 * weighted_mean * (wwy + more_wwy)
                        + weighted_mean * weighted_mean * (ww + more_ww)
                    ) / nullif(w * w, 0)
                )
        end as weighted_variance
    from variances
),

shares as (
    select
        *,
        case
            when is_clustered then answers / design_effect * ({{ z }} / t_quantile) * ({{ z }} / t_quantile)
            else answers
        end as size,
        -- as many answers as would give the linearised variance without weights; where all agree, what the weights leave
        case
            when weighted_variance > 0
                then least(answers, (wyy / w - weighted_mean * weighted_mean) / weighted_variance)
            when weighted_variance = 0 then effective_n
        end * ({{ z }} / weighted_t_quantile) * ({{ z }} / weighted_t_quantile) as weighted_size,
        promoters / answers as promoter_share,
        detractors / answers as detractor_share,
        satisfied / answers as satisfied_share,
        (wyy + wy) / 2 / nullif(w, 0) as weighted_promoter_share,
        (wyy - wy) / 2 / nullif(w, 0) as weighted_detractor_share,
        case metric when 'nps' then 100e0 else 1e0 end as unit
    from sized
),

centred as (
    select
        *,
        case metric
            when 'nps' then {{ cx_nps_centre('promoter_share', 'detractor_share', 'size') }}
            when 'csat' then {{ cx_share_centre('satisfied_share', 'size') }}
            else y / answers
        end as centre,
        case metric
            when 'nps' then {{ cx_nps_half_width('promoter_share', 'detractor_share', 'size') }}
            when 'csat' then {{ cx_share_half_width('satisfied_share', 'size') }}
            else t_quantile * sqrt(variance * design_effect)
        end as half_width,
        case metric
            when 'nps'
                then {{ cx_nps_centre('weighted_promoter_share', 'weighted_detractor_share', 'weighted_size') }}
            when 'csat' then {{ cx_share_centre('weighted_mean', 'weighted_size') }}
            else weighted_mean
        end as weighted_centre,
        case metric
            when 'nps'
                then {{ cx_nps_half_width('weighted_promoter_share', 'weighted_detractor_share', 'weighted_size') }}
            when 'csat' then {{ cx_share_half_width('weighted_mean', 'weighted_size') }}
            else weighted_t_quantile * sqrt(weighted_variance)
        end as weighted_half_width
    from shares
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
        n,
        respondents,
        promoters,
        passives,
        detractors,
        satisfied,
        sum_score,
        sum_weight,
        unit * y / answers as score,
        -- the adjusted interval of a single promoter ends below 100: no interval leaves out its own figure
        case when half_width is not null then unit * least(centre - half_width, y / answers) end as ci_low,
        case when half_width is not null then unit * greatest(centre + half_width, y / answers) end as ci_high,
        design_effect,
        n >= {{ var('min_sample') }} as enough_n,
        unit * weighted_mean as weighted_score,
        case
            when weighted_half_width is not null
                then unit * least(weighted_centre - weighted_half_width, weighted_mean)
        end as weighted_ci_low,
        case
            when weighted_half_width is not null
                then unit * greatest(weighted_centre + weighted_half_width, weighted_mean)
        end as weighted_ci_high,
        effective_n
    from centred
)

select * from final
