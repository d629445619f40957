{{ config(materialized='incremental', incremental_strategy='replace_touched') }}
-- Grain: one row per usable answer: a declared question, a score inside its scale, no preview or test.
with

answers as (
    select * from {{ ref('stg_answers') }}
),

responses as (
    select * from {{ ref('stg_responses') }}
),

questions as (
    select * from {{ ref('config_questions') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

scored as (
    select
        record_id,
        answer_id,
        question_key,
        score
    from answers
    where score is not null
),

joined as (
    select
        scored.answer_id as feedback_id,
        scored.record_id,
        responses.source,
        responses.brand,
        responses.survey,
        owners.customer_id,
        coalesce(owners.customer_id, responses.respondent_id, scored.record_id) as respondent,
        questions.metric,
        questions.question_key as question,
        questions.kind,
        scored.score,
        -- one direction for all questions: more is better
        case
            when questions.high_is = 'effort' then questions.scale_min + questions.scale_max - scored.score
            else scored.score
        end as oriented_score,
        questions.satisfied_from,
        questions.easy_from,
        responses.weight,
        responses.text,
        coalesce(responses.touchpoint, questions.touchpoint) as touchpoint,
        responses.channel,
        responses.language,
        responses.responded_at,
        responses.order_id,
        responses.ticket_id,
        responses.invitation_id,
        responses.attributes,
        coalesce(owners.customer_id, scored.record_id) as touch_key
    from scored
    inner join responses on scored.record_id = responses.record_id
    inner join questions on scored.question_key = questions.question_key
    left join owners on responses.node_id = owners.node_id
    where not coalesce(responses.is_test, false)
),

final as (
    select
        feedback_id,
        record_id,
        source,
        brand,
        survey,
        customer_id,
        respondent,
        metric,
        question,
        kind,
        score,
        oriented_score,
        cast(
            case
                when metric <> 'nps' then null
                when score >= {{ var('nps_promoter_min') }} then 100
                when score <= {{ var('nps_detractor_max') }} then -100
                else 0
            end as {{ sql_type('int') }}
        ) as nps_points,
        case when metric = 'nps' then score >= {{ var('nps_promoter_min') }} end as is_promoter,
        case when metric = 'nps' then score <= {{ var('nps_detractor_max') }} end as is_detractor,
        case when metric = 'csat' then oriented_score >= satisfied_from end as is_satisfied,
        case when metric = 'ces' then oriented_score >= easy_from end as is_easy,
        weight,
        text,
        touchpoint,
        channel,
        language,
        responded_at,
        {{ local_date('responded_at') }} as responded_on,
        order_id,
        ticket_id,
        invitation_id,
        attributes,
        touch_key
    from joined
    where {{ is_touched('touch_key') }}
)

select * from final
