{{ config(schema='customer') }}
-- Grain: one row per answer of `feedback`, with what scores are made of: points, weight, whose, when, and its cuts.
with

feedback as (
    select
        *,
        cast(weight as decimal(28, 12)) as exact_weight
    from {{ ref('feedback') }}
),

-- as of now: a cut is of people by who they are today, and all their answers lie in it
segments as (
    select * from {{ ref('customer_segments') }}
),

-- weights count by what they are to each other: with a mean of one, sums of their products fit exact numbers
weights as (
    select
        question,
        cast(sum(exact_weight) as double) / count(exact_weight) as mean_weight
    from feedback
    where exact_weight > 0
    group by question
),

pointed as (
    select
        feedback.question,
        feedback.metric,
        feedback.kind,
        feedback.respondent,
        -- only who answered a question twice makes clusters
        count(*) over (partition by feedback.question, feedback.respondent) > 1 as is_repeated,
        feedback.responded_on as answered_on,
        feedback.oriented_score,
        feedback.nps_points,
        coalesce(feedback.is_satisfied, feedback.is_easy) as is_good,
        -- the score of a cell is the mean of its points; NPS times 100
        case feedback.metric
            when 'nps' then cast(feedback.nps_points / 100 as {{ sql_type('int') }})
            when 'csat' then case when feedback.is_satisfied then 1 else 0 end
            else feedback.oriented_score
        end as points,
        feedback.exact_weight as weight,
        case
            when feedback.exact_weight >= 0 then cast(feedback.weight / weights.mean_weight as decimal(19, 8))
        end as relative_weight,
        {% for dimension in cx_dimensions() -%}
        {{ 'segments' if dimension == 'segment' else 'feedback' }}.{{ dimension }},
        {% endfor -%}
        feedback.attributes
    from feedback
    left join weights on feedback.question = weights.question
    left join segments on feedback.customer_id = segments.customer_id
),

final as (
    select
        *,
        cast(relative_weight * points as decimal(19, 8)) as weighted_points
    from pointed
)

select * from final
