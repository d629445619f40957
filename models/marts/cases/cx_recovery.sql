-- Grain: one row per kind of trigger, touchpoint (and all), measure and question: what followed where somebody was contacted in time,
-- beside what followed where nobody was. Both groups begin with the same kind of trigger, so both rise again by themselves
-- (regression to the mean); only the difference between them can be the contact's.
with

followed as (
    select * from {{ ref('int_cases__recovery') }}
),

settings as (
    select * from {{ ref('config_cases') }}
),

quantiles as (
    select * from {{ ref('t_quantiles') }}
),

cut as (
    select
        *,
        'all' as place
    from followed
    union all
    select
        *,
        touchpoint as place
    from followed
    where touchpoint is not null
),

-- Both measures are sums over people of a value y and a weight e: orders by hours of follow-up, changes of score by 1.
-- Whole numbers only, so that no order of adding up can change a figure in its last digit.
observed as (
    select
        trigger_kind,
        place,
        'orders' as measure,
        'all' as question,
        is_contacted,
        orders_after as y,
        follow_up_hours as e,
        orders_before as x,
        follow_up_days * 24 as x_weight
    from cut
    union all
    select
        trigger_kind,
        place,
        'score' as measure,
        question,
        is_contacted,
        score_after - score_before as y,
        1 as e,
        score_before as x,
        1 as x_weight
    from cut
    where score_after is not null
),

summed as (
    select
        trigger_kind,
        place,
        measure,
        question,
        is_contacted,
        cast(count(*) as double) as n,
        cast(sum(y) as double) as sum_y,
        cast(sum(e) as double) as sum_e,
        cast(sum(y * y) as double) as sum_yy,
        cast(sum(y * e) as double) as sum_ye,
        cast(sum(e * e) as double) as sum_ee,
        cast(sum(x) as double) / sum(x_weight) as before
    from observed
    group by trigger_kind, place, measure, question, is_contacted
),

-- a ratio of sums with its linearised variance (Cochran 1977, 6.4): people are the sampled units, not orders
rated as (
    select
        *,
        sum_y / sum_e as rate,
        case
            when n > 1
                then
                    n / (n - 1)
                    * (sum_yy - 2 * sum_y / sum_e * sum_ye + sum_y / sum_e * sum_y / sum_e * sum_ee)
                    / (sum_e * sum_e)
        end as variance,
        case measure when 'orders' then 720 else 1 end as scale
    from summed
),

paired as (
    select
        spoken.trigger_kind,
        spoken.place,
        spoken.measure,
        spoken.question,
        spoken.scale,
        spoken.n as contacted_n,
        silent.n as uncontacted_n,
        spoken.rate as contacted_rate,
        silent.rate as uncontacted_rate,
        spoken.before as contacted_before,
        silent.before as uncontacted_before,
        spoken.variance as contacted_variance,
        silent.variance as uncontacted_variance,
        -- the smaller group's degrees of freedom: never too few, and where both are large it makes no difference
        {{ cx_t_quantile('(least(spoken.n, silent.n) - 1)', 'quantiles.quantile') }} as t_quantile
    from rated as spoken
    inner join rated as silent
        on
            spoken.trigger_kind = silent.trigger_kind
            and spoken.place = silent.place
            and spoken.measure = silent.measure
            and spoken.question = silent.question
            and not silent.is_contacted
    left join quantiles on least(spoken.n, silent.n) - 1 = quantiles.df
    where spoken.is_contacted
),

spread as (
    select
        *,
        contacted_rate - uncontacted_rate as difference,
        t_quantile * sqrt(contacted_variance + uncontacted_variance) as half_width,
        case
            when measure = 'orders' and contacted_rate > 0 and uncontacted_rate > 0
                then ln(uncontacted_rate / contacted_rate)
        end as log_ratio,
        case
            when measure = 'orders' and contacted_rate > 0 and uncontacted_rate > 0
                then
                    t_quantile * sqrt(
                        contacted_variance / (contacted_rate * contacted_rate)
                        + uncontacted_variance / (uncontacted_rate * uncontacted_rate)
                    )
        end as log_half_width
    from paired
),

final as (
    select
        spread.trigger_kind || '/' || spread.place || '/' || spread.measure || '/' || spread.question as recovery_id,
        spread.trigger_kind,
        spread.place as touchpoint,
        spread.measure,
        spread.question,
        settings.contact_within_days,
        settings.follow_up_days,
        cast(spread.contacted_n as bigint) as contacted_n,
        cast(spread.uncontacted_n as bigint) as uncontacted_n,
        spread.contacted_before * spread.scale as contacted_before,
        spread.uncontacted_before * spread.scale as uncontacted_before,
        spread.contacted_rate * spread.scale as contacted_after,
        spread.uncontacted_rate * spread.scale as uncontacted_after,
        spread.difference * spread.scale as difference,
        (spread.difference - spread.half_width) * spread.scale as ci_low,
        (spread.difference + spread.half_width) * spread.scale as ci_high,
        exp(spread.log_ratio) as uncontacted_over_contacted,
        exp(spread.log_ratio - spread.log_half_width) as ratio_low,
        exp(spread.log_ratio + spread.log_half_width) as ratio_high,
        least(spread.contacted_n, spread.uncontacted_n) >= {{ var('min_sample') }} as enough_n
    from spread
    cross join settings
)

select * from final
