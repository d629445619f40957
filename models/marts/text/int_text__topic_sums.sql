{{ config(schema='customer') }}
-- Grain: one row per question and topic: sums over answers and people, with the topic and without it.
-- Counted are answers with a text that was read; an answer without words says nothing about a topic. Sums are of whole
-- numbers, so that no order of adding up can change a figure.
with

answers as (
    select
        record_id,
        question,
        metric,
        respondent,
        cast(oriented_score as bigint) as score
    from {{ ref('feedback') }}
),

texts as (
    select text_id
    from {{ ref('text_signals') }}
    where kind = 'answer' and language is not null
),

spoken as (
    select answers.*
    from answers
    inner join texts on answers.record_id = texts.text_id
),

mentions as (
    select
        text_id,
        topic,
        origin
    from {{ ref('text_topic_mentions') }}
    where kind = 'answer'
),

people as (
    select
        question,
        respondent,
        count(*) as n,
        cast(sum(score) as bigint) as total
    from spoken
    group by question, respondent
),

everybody as (
    select
        question,
        count(*) as respondents,
        cast(sum(n * n) as double) as nn,
        cast(sum(n * total) as double) as nt,
        cast(sum(total * total) as double) as tt
    from people
    group by question
),

every_answer as (
    select
        question,
        metric,
        count(*) as n,
        cast(sum(score) as double) as total,
        cast(sum(score * score) as double) as squares
    from spoken
    group by question, metric
),

about as (
    select
        spoken.question,
        spoken.respondent,
        mentions.topic,
        mentions.origin,
        count(*) as n,
        cast(sum(spoken.score) as bigint) as total,
        cast(sum(spoken.score * spoken.score) as bigint) as squares
    from spoken
    inner join mentions on spoken.record_id = mentions.text_id
    group by spoken.question, spoken.respondent, mentions.topic, mentions.origin
),

-- per person: a topic's answers (n, t) and all of his answers to the question (all_n, all_t), and sums of their products
sums as (
    select
        about.question,
        about.topic,
        about.origin,
        cast(sum(about.n) as double) as n,
        cast(sum(about.total) as double) as total,
        cast(sum(about.squares) as double) as squares,
        count(*) as respondents,
        count(*) filter (where people.n = about.n) as only_here,
        cast(sum(about.n * about.n) as double) as nn,
        cast(sum(about.n * about.total) as double) as nt,
        cast(sum(about.total * about.total) as double) as tt,
        cast(sum(people.n * about.n) as double) as all_n_n,
        cast(sum(people.n * about.total) as double) as all_n_t,
        cast(sum(people.total * about.n) as double) as all_t_n,
        cast(sum(people.total * about.total) as double) as all_t_t
    from about
    inner join people on about.question = people.question and about.respondent = people.respondent
    group by about.question, about.topic, about.origin
),

final as (
    select
        sums.question,
        every_answer.metric,
        sums.topic,
        sums.origin,
        sums.n as n_with,
        every_answer.n - sums.n as n_without,
        sums.respondents as respondents_with,
        everybody.respondents - sums.only_here as respondents_without,
        everybody.respondents,
        sums.total / sums.n as mean_with,
        (every_answer.total - sums.total) / nullif(every_answer.n - sums.n, 0) as mean_without,
        greatest(sums.squares - sums.total * sums.total / sums.n, 0) / nullif(sums.n * (sums.n - 1), 0) as error_with,
        greatest(
            every_answer.squares - sums.squares
            - (every_answer.total - sums.total) * (every_answer.total - sums.total)
            / nullif(every_answer.n - sums.n, 0),
            0
        ) / nullif((every_answer.n - sums.n) * (every_answer.n - sums.n - 1), 0) as error_without,
        sums.nn,
        sums.nt,
        sums.tt,
        -- the same of the answers without the topic, and across the two sides
        everybody.nn - 2 * sums.all_n_n + sums.nn as other_nn,
        everybody.nt - sums.all_t_n - sums.all_n_t + sums.nt as other_nt,
        everybody.tt - 2 * sums.all_t_t + sums.tt as other_tt,
        sums.all_n_n - sums.nn as cross_nn,
        sums.all_t_n - sums.nt as cross_nt,
        sums.all_n_t - sums.nt as cross_tn,
        sums.all_t_t - sums.tt as cross_tt
    from sums
    inner join every_answer on sums.question = every_answer.question
    inner join everybody on sums.question = everybody.question
)

select * from final
