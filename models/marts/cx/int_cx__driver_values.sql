{{ config(schema='customer') }}
-- Grain: one row per analysis (outcome and survey) with driver null, and one per answer to its outcome and driver it knows.
-- Only honest joins: ratings and words of the same response, the order and the ticket the answer names, mails before the answer.
-- `outcome_score` is the score turned so that more is better, whatever the metric.
with

feedback as (
    select * from {{ ref('feedback') }}
),

declared as (
    select * from {{ ref('config_drivers') }}
),

analyses as (
    select distinct
        outcome,
        survey
    from declared
),

-- an analysis that names the survey goes before one for each survey
outcomes as (
    select
        feedback.feedback_id,
        feedback.record_id,
        feedback.question as outcome,
        feedback.survey,
        own.survey as declared_survey,
        feedback.respondent,
        feedback.customer_id,
        feedback.order_id,
        feedback.ticket_id,
        feedback.responded_at,
        feedback.oriented_score as outcome_score
    from feedback
    left join analyses as own on feedback.question = own.outcome and feedback.survey = own.survey
    left join analyses as every on feedback.question = every.outcome and every.survey is null
    where own.outcome is not null or every.outcome is not null
),

wanted as (
    select
        outcomes.*,
        declared.driver,
        declared.measure,
        declared.above
    from outcomes
    inner join declared
        on
            outcomes.outcome = declared.outcome
            and coalesce(outcomes.declared_survey, '') = coalesce(declared.survey, '')
),

ratings as (
    select
        wanted.feedback_id,
        wanted.driver,
        cast(feedback.oriented_score as double) as measured
    from wanted
    inner join feedback on wanted.record_id = feedback.record_id and wanted.measure = feedback.question
),

order_candidates as (
    select
        wanted.feedback_id,
        wanted.driver,
        {{ seconds_between(
            "case when wanted.measure = 'delivery_delay_hours' then orders.promised_at else orders.ordered_at end",
            'orders.delivered_at',
        ) }} / 3600e0 as measured,
        case when orders.customer_id = wanted.customer_id then 1 else 0 end as is_own
    from wanted
    inner join {{ ref('orders') }} as orders on wanted.order_id = orders.order_id
    where wanted.measure in ('delivery_delay_hours', 'delivery_hours')
),

ticket_candidates as (
    select
        wanted.feedback_id,
        wanted.driver,
        case wanted.measure
            when 'first_reply_hours' then tickets.first_reply_minutes / 60e0
            else tickets.resolution_hours
        end as measured,
        case when tickets.customer_id = wanted.customer_id then 1 else 0 end as is_own
    from wanted
    inner join {{ ref('tickets') }} as tickets on wanted.ticket_id = tickets.ticket_id
    where wanted.measure in ('first_reply_hours', 'resolution_hours')
),

both_kinds as (
    select * from order_candidates
    union all
    select * from ticket_candidates
),

-- two shops may give one number: the answerer's own order counts, else the only one there is
candidates as (
    select
        *,
        count(*) over (partition by feedback_id, driver) as found,
        sum(is_own) over (partition by feedback_id, driver) as found_own
    from both_kinds
),

opened as (
    select
        customer_id,
        occurred_at
    from {{ ref('messages') }}
    where kind = 'opened' and not coalesce(is_machine, false)
),

-- who was sent nothing opened none
mails as (
    select
        wanted.feedback_id,
        wanted.driver,
        cast(count(opened.occurred_at) as double) as measured
    from wanted
    left join opened
        on
            wanted.customer_id = opened.customer_id
            and wanted.responded_at > opened.occurred_at
            and wanted.responded_at - interval 30 day <= opened.occurred_at
    where
        wanted.measure = 'mails_opened_30d'
        and wanted.customer_id is not null
        and wanted.responded_at is not null
    group by wanted.feedback_id, wanted.driver
),

texts as (
    select * from {{ ref('text_signals') }}
),

-- a model learnt from the company's own scores has seen them: what it reads in the answer itself explains nothing
own_words as (
    select
        wanted.feedback_id,
        wanted.driver,
        texts.sentiment as measured
    from wanted
    inner join texts on wanted.record_id = texts.text_id
    where wanted.measure = 'sentiment' and texts.sentiment_by <> 'learnt'
),

-- what the person had written in the ticket until then; two desks may give one number
ticket_words as (
    select
        wanted.feedback_id,
        wanted.driver,
        -- in whole ten-thousandths, so that the order in which they are added up cannot show
        cast(sum(cast(round(texts.sentiment * 10000) as bigint)) as double)
        / count(texts.sentiment) / 10000 as measured
    from wanted
    inner join texts on wanted.ticket_id = texts.ticket_id and wanted.customer_id = texts.customer_id
    where
        wanted.measure = 'ticket_sentiment'
        and texts.is_by_customer
        and texts.kind <> 'answer'
        and texts.occurred_at <= wanted.responded_at
    group by wanted.feedback_id, wanted.driver
),

measured as (
    select * from ratings
    union all
    select * from own_words
    union all
    select * from ticket_words
    union all
    select
        feedback_id,
        driver,
        measured
    from candidates
    where (found_own = 1 and is_own = 1) or (found_own = 0 and found = 1)
    union all
    select * from mails
),

final as (
    select
        outcome,
        survey,
        declared_survey,
        cast(null as {{ sql_type('string') }}) as feedback_id,
        cast(null as {{ sql_type('string') }}) as respondent,
        cast(null as double) as outcome_score,
        cast(null as {{ sql_type('string') }}) as driver,
        cast(null as double) as value,
        count(*) as answers
    from outcomes
    group by outcome, survey, declared_survey
    union all
    select
        wanted.outcome,
        wanted.survey,
        wanted.declared_survey,
        wanted.feedback_id,
        wanted.respondent,
        cast(wanted.outcome_score as double) as outcome_score,
        wanted.driver,
        case
            when wanted.above is null then measured.measured
            when measured.measured > wanted.above then 1e0
            else 0e0
        end as value,
        cast(null as bigint) as answers
    from wanted
    inner join measured on wanted.feedback_id = measured.feedback_id and wanted.driver = measured.driver
    where measured.measured is not null
)

select * from final
