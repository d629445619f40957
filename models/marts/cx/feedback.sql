-- Grain: one row per usable answer: a declared question, a score inside its scale, no preview, test or earlier submission.
-- A plain table: an answer also changes with its invitation and with later answers, which may belong to nobody who is touched.
with

answers as (
    select * from {{ ref('int_cx__answers') }}
),

responses as (
    select * from {{ ref('stg_responses') }}
),

invitations as (
    select * from {{ ref('invitations') }}
),

questions as (
    select * from {{ ref('config_questions') }}
),

-- two records of one invitation: the last version of the smallest record speaks
ranked_invitations as (
    select
        *,
        row_number() over (partition by source, invitation_id order by record_id) as age
    from invitations
),

invited as (
    select
        source,
        invitation_id,
        campaign_id,
        order_id,
        ticket_id,
        sent_at
    from ranked_invitations
    where age = 1
),

joined as (
    select
        answers.answer_id as feedback_id,
        answers.record_id,
        answers.source,
        responses.brand,
        answers.survey,
        answers.customer_id,
        answers.matched_by,
        answers.respondent,
        questions.metric,
        answers.question_key as question,
        questions.kind,
        answers.score,
        -- one direction for all questions: more is better
        case
            when questions.high_is = 'effort' then questions.scale_min + questions.scale_max - answers.score
            else answers.score
        end as oriented_score,
        questions.satisfied_from,
        questions.easy_from,
        responses.weight,
        responses.text,
        coalesce(responses.touchpoint, questions.touchpoint) as touchpoint,
        responses.channel,
        responses.language,
        answers.responded_at,
        coalesce(responses.order_id, invited.order_id) as order_id,
        coalesce(responses.ticket_id, invited.ticket_id) as ticket_id,
        coalesce(responses.campaign_id, invited.campaign_id) as campaign_id,
        responses.invitation_id,
        invited.sent_at as invited_at,
        responses.attributes,
        coalesce(answers.customer_id, answers.record_id) as touch_key
    from answers
    inner join responses on answers.record_id = responses.record_id
    inner join questions on answers.question_key = questions.question_key
    left join invited
        on responses.source = invited.source and responses.invitation_id = invited.invitation_id
    where answers.left_out is null
),

final as (
    select
        feedback_id,
        record_id,
        source,
        brand,
        survey,
        customer_id,
        matched_by,
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
        campaign_id,
        invitation_id,
        invited_at,
        attributes,
        touch_key
    from joined
)

select * from final
