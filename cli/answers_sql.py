"""SQL of `stg_answers` and `quarantine.answers`: survey answers, one row each, judged by cx.questions."""

from cli.sql_text import empty
from cli.staged import StagedTable


def answers_model(staged: list[StagedTable]) -> str:
    """`stg_answers`: one row per answered question, wide or long, with the score read by cx.questions."""
    parts = []
    for one in staged:
        if one.entity.name != "response":
            continue
        for question in one.table.questions:
            parts.append(
                f"select record_id, source, survey, '{question}' as question, {{{{ clean_text('answer_{question}') }}}} as raw_answer\n"
                f"from {{{{ ref('stg_{one.slug}') }}}}\nwhere {{{{ clean_text('answer_{question}') }}}} is not null"
            )
        if "question" in one.table.columns:
            parts.append(
                "select record_id, source, survey, question, answer as raw_answer\n"
                f"from {{{{ ref('stg_{one.slug}') }}}}\nwhere question is not null and answer is not null"
            )
    nothing = empty(
        (
            ("record_id", "string"),
            ("source", "string"),
            ("survey", "string"),
            ("question", "string"),
            ("raw_answer", "string"),
        )
    )
    body = "\nunion all\n".join(parts) or nothing
    return f"""{{{{ config(materialized='view') }}}}
-- Grain: one row per response record and question with an answer (wide exports unpivoted, long ones as they are).
with

delivered as (
{body}
),

-- `survey.question` of cdp.yml goes before a plain `question`
answers as (
    select
        delivered.*,
        coalesce(own.question_key, plain.question_key) as question_key
    from delivered
    left join {{{{ ref('config_questions') }}}} as own
        on delivered.question = own.question and delivered.survey = own.survey
    left join {{{{ ref('config_questions') }}}} as plain
        on delivered.question = plain.question and plain.survey is null
),

read as (
    select
        answers.record_id || '#' || answers.question as answer_id,
        answers.record_id,
        answers.source,
        answers.survey,
        answers.question,
        answers.question_key,
        answers.raw_answer,
        {{{{ parse_double('answers.raw_answer') }}}} as number,
        questions.scale_min,
        questions.scale_max,
        missing.code is not null as is_missing
    from answers
    left join {{{{ ref('config_questions') }}}} as questions
        on answers.question_key = questions.question_key
    left join {{{{ ref('config_missing_codes') }}}} as missing
        on
            questions.question_key = missing.question_key
            and lower(answers.raw_answer) = missing.code
),

judged as (
    select
        *,
        case
            -- an answer to a question that cdp.yml does not score, a comment for example
            when is_missing or question_key is null then null
            when number is null then 'not a number'
            when number < scale_min or number > scale_max then 'outside the scale'
            when number <> floor(number) then 'not a whole number'
        end as reason
    from read
)

select
    answer_id,
    record_id,
    source,
    survey,
    question,
    question_key,
    raw_answer,
    cast(case when reason is null and question_key is not null and not is_missing then number end as integer) as score,
    is_missing,
    reason
from judged
"""


def quarantine_answers_model() -> str:
    """`quarantine.answers`: answers that cannot be used, their row staying loaded."""
    return (
        "{{ config(materialized='view', schema='quarantine', alias='answers') }}\n"
        "-- Grain: one row per rejected answer.\n"
        "select record_id, source, survey, question, raw_answer as raw, reason\n"
        "from {{ ref('stg_answers') }}\nwhere reason is not null\n"
    )
