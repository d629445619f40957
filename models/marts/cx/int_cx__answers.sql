{{ config(schema='customer') }}
-- Grain: one row per answer with a score inside its scale, with the reason why it does not count, if there is one.
-- Repeats are looked for within one customer, or among answers of nobody, so that whoever is not touched keeps his rows.
with

answers as (
    select
        answer_id,
        record_id,
        question_key,
        score
    from {{ ref('stg_answers') }}
    where score is not null
),

responses as (
    select * from {{ ref('stg_responses') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

-- an answer's own identifier stands before its invitation: a link may have been passed on
invited as (
    select * from {{ ref('answer_owners') }}
),

settings as (
    select * from {{ ref('config_cx') }}
),

known as (
    select
        answers.answer_id,
        answers.record_id,
        answers.question_key,
        answers.score,
        responses.source,
        responses.survey,
        coalesce(owners.customer_id, invited.customer_id) as customer_id,
        case
            when owners.customer_id is not null then 'identifier'
            when invited.customer_id is not null then 'invitation'
        end as matched_by,
        coalesce(owners.customer_id, invited.customer_id, responses.source || ':' || responses.respondent_id) as person,
        responses.invitation_id,
        responses.responded_at,
        coalesce(responses.is_test, false) as is_test,
        -- what the answer is about: two tickets on one day are two occasions
        coalesce(responses.invitation_id, '') || '|' || coalesce(responses.order_id, '')
        || '|' || coalesce(responses.ticket_id, '') as subject
    from answers
    inner join responses on answers.record_id = responses.record_id
    left join owners on responses.node_id = owners.node_id
    left join invited on responses.record_id = invited.record_id
),

-- the last submission counts; ties in time are broken by the record's name
ordered as (
    select
        *,
        row_number() over (
            partition by is_test, source, invitation_id, question_key, customer_id
            order by responded_at desc nulls last, record_id desc
        ) as invitation_age,
        lead(responded_at) over (
            partition by is_test, person, source, survey, question_key, subject
            order by responded_at, record_id
        ) as next_responded_at
    from known
),

final as (
    select
        ordered.answer_id,
        ordered.record_id,
        ordered.question_key,
        ordered.score,
        ordered.source,
        ordered.survey,
        ordered.customer_id,
        ordered.matched_by,
        coalesce(ordered.person, ordered.record_id) as respondent,
        ordered.responded_at,
        case
            when ordered.is_test then 'test'
            when ordered.invitation_id is not null and ordered.invitation_age > 1 then 'duplicate'
            when
                ordered.person is not null
                and {{ seconds_between('ordered.responded_at', 'ordered.next_responded_at') }}
                < 60 * settings.duplicate_minutes
                then 'duplicate'
        end as left_out
    from ordered
    cross join settings
)

select * from final
