-- Fails for an answer with a score, to a declared question, of no preview, that is neither in `feedback` nor an earlier
-- submission, and for a row of `feedback` that is no such answer: nothing lost, nothing kept that the source has deleted.
with

usable as (
    select answers.answer_id
    from {{ ref('stg_answers') }} as answers
    inner join {{ ref('stg_responses') }} as responses on answers.record_id = responses.record_id
    inner join {{ ref('config_questions') }} as questions
        on
            answers.question = questions.question
            and (questions.survey is null or questions.survey = answers.survey)
    where answers.score is not null and not coalesce(responses.is_test, false)
)

select
    usable.answer_id,
    feedback.feedback_id
from usable
full outer join {{ ref('feedback') }} as feedback on usable.answer_id = feedback.feedback_id
left join {{ ref('int_cx__answers') }} as judged on usable.answer_id = judged.answer_id
where
    usable.answer_id is null
    or (feedback.feedback_id is null and coalesce(judged.left_out, '') <> 'duplicate')
