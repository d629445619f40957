{{ config(materialized='incremental', incremental_strategy='replace_touched') }}
-- Grain: one row per text of any kind: the open answer of a response, a ticket, an interaction with words, a post or review.
-- The words themselves stay here, in the private schema; the mart has what was read in them.
with

answers as (
    select * from {{ ref('stg_answers') }}
),

questions as (
    select * from {{ ref('config_questions') }}
),

responses as (
    select * from {{ ref('stg_responses') }}
),

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

invited as (
    select * from {{ ref('answer_owners') }}
),

scored as (
    select
        answers.record_id,
        answers.score,
        questions.metric,
        questions.scale_min,
        questions.scale_max,
        questions.satisfied_from,
        questions.easy_from,
        questions.touchpoint,
        case
            when questions.high_is = 'effort' then questions.scale_min + questions.scale_max - answers.score
            else answers.score
        end as oriented
    from answers
    inner join questions on answers.question_key = questions.question_key
    where answers.score is not null
),

labelled as (
    select
        record_id,
        cast(avg({{ answer_label('oriented') }}) as double) as label,
        min(touchpoint) as touchpoint
    from scored
    group by record_id
),

united as (
    select
        responses.record_id,
        responses.node_id,
        responses.source,
        responses.brand,
        'answer' as kind,
        responses.channel,
        coalesce(responses.touchpoint, labelled.touchpoint) as touchpoint,
        responses.responded_at as occurred_at,
        responses.order_id,
        responses.ticket_id,
        true as is_by_customer,
        responses.language as declared_language,
        responses.text,
        labelled.label
    from responses
    left join labelled on responses.record_id = labelled.record_id
    where not coalesce(responses.is_test, false)
    union all
    select
        record_id,
        node_id,
        source,
        brand,
        'ticket' as kind,
        channel,
        coalesce(touchpoint, 'support') as touchpoint,
        opened_at as occurred_at,
        order_id,
        ticket_id,
        true as is_by_customer,
        cast(null as {{ sql_type('string') }}) as declared_language,
        coalesce(subject || '. ' || body, body, subject) as text,
        cast(null as double) as label
    from {{ ref('stg_tickets') }}
    union all
    select
        record_id,
        node_id,
        source,
        brand,
        'interaction' as kind,
        kind as channel,
        case
            when ticket_id is not null then 'support'
            when deal_id is not null then 'sales'
        end as touchpoint,
        occurred_at,
        cast(null as {{ sql_type('string') }}) as order_id,
        ticket_id,
        -- what nobody marks as inbound may be our own words
        coalesce(direction = 'inbound', false) as is_by_customer,
        cast(null as {{ sql_type('string') }}) as declared_language,
        coalesce(subject || '. ' || body, body, subject) as text,
        cast(null as double) as label
    from {{ ref('stg_interactions') }}
    union all
    select
        record_id,
        node_id,
        source,
        brand,
        case when rating is not null then 'review' else 'post' end as kind,
        network as channel,
        cast(null as {{ sql_type('string') }}) as touchpoint,
        posted_at as occurred_at,
        cast(null as {{ sql_type('string') }}) as order_id,
        cast(null as {{ sql_type('string') }}) as ticket_id,
        true as is_by_customer,
        cast(null as {{ sql_type('string') }}) as declared_language,
        body as text,
        -- stars are 1 to 5 or no label: a scale nobody states is not guessed
        cast(
            case
                when rating between 4 and 5 then 1
                when rating between 1 and 2 then -1
                when rating > 2 and rating < 4 then 0
            end as double
        ) as label
    from {{ ref('stg_posts') }}
),

final as (
    select
        united.*,
        coalesce(owners.customer_id, invited.customer_id) as customer_id,
        -- the same words said to be in another language are another text to read
        md5(coalesce(lower(united.declared_language), '') || '|' || united.text) as text_key,
        coalesce(owners.customer_id, invited.customer_id, united.record_id) as touch_key
    from united
    left join owners on united.node_id = owners.node_id
    left join invited on united.record_id = invited.record_id
    where
        trim(united.text) <> ''
        and {{ is_touched('coalesce(owners.customer_id, invited.customer_id, united.record_id)') }}
)

select * from final
