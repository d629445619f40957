{{ config(schema='customer', materialized='view') }}
-- Grain: one row per thing a known customer said that opens a case or adds to one: a detractor's answer, a bad CSAT,
-- an angry text.
-- A new kind of trigger is one more part of `said` (and a row of `severity`): it needs a customer, a time and an id
-- that no merge and no reload changes. What nobody known said, or nobody knows when, can be answered by nobody.
with

feedback as (
    select * from {{ ref('feedback') }}
),

rules as (
    select * from {{ ref('config_case_rules') }}
),

questions as (
    select * from {{ ref('config_questions') }}
),

salts as (
    select salt from {{ source('ops', 'identity_salt') }}
),

bad_from as (
    select
        questions.question_key,
        coalesce(rules.number, questions.satisfied_from - 1) as bad_to
    from questions
    left join rules on rules.kind = 'bad_to' and questions.question_key = rules.name
    where questions.metric = 'csat'
),

answers as (
    select
        feedback.*,
        feedback.metric = 'csat' and feedback.oriented_score <= bad_from.bad_to as is_bad_csat
    from feedback
    left join bad_from on feedback.question = bad_from.question_key
    where feedback.customer_id is not null and feedback.responded_at is not null
),

signals as (
    select * from {{ ref('text_signals') }}
),

said as (
    select
        case when is_detractor then 'detractor' else 'bad_csat' end as kind,
        feedback_id as said_id,
        customer_id,
        responded_at as occurred_at,
        touchpoint,
        channel,
        source,
        record_id,
        question,
        score,
        oriented_score,
        order_id,
        ticket_id
    from answers
    where is_detractor or is_bad_csat
    union all
    -- anger is told by words of the lexicon, which no new fit of the sentiment model changes
    select
        'angry_text' as kind,
        text_id as said_id,
        customer_id,
        occurred_at,
        touchpoint,
        channel,
        source,
        text_id as record_id,
        cast(null as {{ sql_type('string') }}) as question,
        cast(null as {{ sql_type('int') }}) as score,
        cast(null as {{ sql_type('int') }}) as oriented_score,
        order_id,
        ticket_id
    from signals
    where is_by_customer and emotion = 'anger' and customer_id is not null and occurred_at is not null
),

final as (
    select
        'case-' || substr(md5(salts.salt || '|' || said.kind || '|' || said.said_id), 1, 16) as trigger_id,
        said.kind,
        -- of what was said in one moment, the case is named after the first of these
        case said.kind when 'detractor' then 1 when 'bad_csat' then 2 else 3 end as severity,
        rules.number as due_hours,
        said.said_id,
        said.customer_id,
        said.occurred_at,
        said.touchpoint,
        said.channel,
        said.source,
        said.record_id,
        said.question,
        said.score,
        said.oriented_score,
        said.order_id,
        said.ticket_id
    from said
    inner join rules on rules.kind = 'trigger' and said.kind = rules.name
    cross join salts
)

select * from final
