-- Grain: one row per question, period, period_start, dimension and dimension_value with at least one answer.
{% set z = cx_z() %}
{% set family = 'partition by question, period, period_start, p_value is not null' %}
with

figures as (
    select * from {{ ref('int_cx__figures') }}
),

invitations as (
    select * from {{ ref('int_cx__invited') }}
),

logged as (
    select distinct
        question,
        dimension
    from invitations
),

-- Difference of two figures with intervals of their own (MOVER, Zou and Donner 2008; for shares Newcombe's method 10):
-- `room` is how much of it their uncertainty may explain, on the side of the difference that is in question.
compared as (
    select
        now.*,
        now.score - before.score as change_vs_previous,
        case
            when now.score > before.score
                then sqrt(
                    (now.score - now.ci_low) * (now.score - now.ci_low)
                    + (before.ci_high - before.score) * (before.ci_high - before.score)
                )
            else sqrt(
                (now.ci_high - now.score) * (now.ci_high - now.score)
                + (before.score - before.ci_low) * (before.score - before.ci_low)
            )
        end as room,
        now.enough_n and before.enough_n as is_comparable
    from figures as now
    left join figures as before
        on
            now.question = before.question
            and now.period = before.period
            and {{ cx_previous_start('now.period', 'now.period_start') }} = before.period_start
            and now.dimension = before.dimension
            and now.dimension_value = before.dimension_value
),

distances as (
    select
        *,
        case when is_comparable then {{ z }} * abs(change_vs_previous) / nullif(room, 0) end as distance
    from compared
),

tested as (
    select
        *,
        {{ cx_two_sided_p('distance') }} as p_value
    from distances
),

-- Holm 1979 over all cuts of one question and period: with any number of them, and however they overlap, the chance of
-- a single false alarm stays at 5 %
ranked as (
    select
        *,
        count(*) over ({{ family }}) as tests,
        row_number() over ({{ family }} order by p_value, dimension, dimension_value) as place
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
        corrected.question || '/' || corrected.period
        || '/' || coalesce(cast(corrected.period_start as {{ sql_type('string') }}), '')
        || '/' || corrected.dimension || '/' || corrected.dimension_value as score_id,
        corrected.metric,
        corrected.question,
        corrected.kind,
        corrected.period,
        corrected.period_start,
        corrected.dimension,
        corrected.dimension_value,
        corrected.n,
        corrected.respondents,
        corrected.promoters,
        corrected.passives,
        corrected.detractors,
        corrected.satisfied,
        corrected.sum_score,
        corrected.sum_weight,
        case when logged.question is not null then coalesce(invitations.invited, 0) end as invited,
        case when logged.question is not null then coalesce(invitations.open_invitations, 0) end as open_invitations,
        -- a period is judged when its last invitation is closed; `all` has always open ones and leaves them out
        case
            when corrected.period = 'all' or invitations.open_invitations = 0
                then cast(invitations.answered as double) / nullif(invitations.invited, 0)
        end as response_rate,
        corrected.score,
        corrected.ci_low,
        corrected.ci_high,
        corrected.design_effect,
        corrected.enough_n,
        corrected.weighted_score,
        corrected.weighted_ci_low,
        corrected.weighted_ci_high,
        corrected.effective_n,
        corrected.change_vs_previous,
        corrected.p_value as change_p_value,
        corrected.p_adjusted as change_p_adjusted,
        corrected.p_adjusted < {{ var('significance_level') }} as change_significant
    from corrected
    left join logged on corrected.question = logged.question and corrected.dimension = logged.dimension
    left join invitations
        on
            corrected.question = invitations.question
            and corrected.period = invitations.period
            and coalesce(corrected.period_start, date '1970-01-01')
            = coalesce(invitations.period_start, date '1970-01-01')
            and corrected.dimension = invitations.dimension
            and corrected.dimension_value = invitations.dimension_value
)

select * from final
