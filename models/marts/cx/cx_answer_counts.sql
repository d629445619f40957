-- Grain: one row per source, survey and declared question: what became of the answers that were delivered.
with

delivered as (
    select
        answer_id,
        source,
        coalesce(survey, '') as survey,
        question_key,
        is_missing,
        reason
    from {{ ref('stg_answers') }}
    where question_key is not null
),

scored as (
    select
        answer_id,
        left_out
    from {{ ref('int_cx__answers') }}
),

final as (
    select
        delivered.source || '/' || delivered.survey || '/' || delivered.question_key as answer_counts_id,
        delivered.source,
        nullif(delivered.survey, '') as survey,
        delivered.question_key as question,
        count(*) as delivered,
        count(*) filter (where delivered.is_missing) as missing,
        count(*) filter (where delivered.reason is not null) as rejected,
        count(*) filter (where scored.left_out = 'test') as tests,
        count(*) filter (where scored.left_out = 'duplicate') as duplicates,
        count(*) filter (where scored.answer_id is not null and scored.left_out is null) as counted
    from delivered
    left join scored on delivered.answer_id = scored.answer_id
    group by delivered.source, delivered.survey, delivered.question_key
)

select * from final
