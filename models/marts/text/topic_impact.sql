-- Grain: one row per question and topic: the mean score of answers whose text is about the topic beside those whose text is not.
-- Compared are answers with a text that was read; an answer without words says nothing about a topic.
with

answers as (
    select
        record_id,
        question,
        metric,
        cast(oriented_score as double) as score
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

everybody as (
    select
        question,
        metric,
        count(*) as n,
        sum(score) as total,
        sum(score * score) as squares
    from spoken
    group by question, metric
),

about as (
    select
        spoken.question,
        mentions.topic,
        mentions.origin,
        count(*) as n,
        sum(spoken.score) as total,
        sum(spoken.score * spoken.score) as squares
    from spoken
    inner join mentions on spoken.record_id = mentions.text_id
    group by spoken.question, mentions.topic, mentions.origin
),

apart as (
    select
        about.question,
        everybody.metric,
        about.topic,
        about.origin,
        about.n as n_with,
        everybody.n - about.n as n_without,
        about.total / about.n as mean_with,
        (everybody.total - about.total) / nullif(everybody.n - about.n, 0) as mean_without,
        greatest(about.squares - about.total * about.total / about.n, 0)
        / nullif(about.n * (about.n - 1), 0) as error_with,
        greatest(
            everybody.squares - about.squares
            - (everybody.total - about.total) * (everybody.total - about.total) / nullif(everybody.n - about.n, 0),
            0
        ) / nullif((everybody.n - about.n) * (everybody.n - about.n - 1), 0) as error_without
    from about
    inner join everybody on about.question = everybody.question
),

-- Welch: each side has its own spread; degrees of freedom by Satterthwaite, rounded down
measured as (
    select
        *,
        case
            when error_with + error_without > 0
                then
                    floor(
                        (error_with + error_without) * (error_with + error_without)
                        / (
                            error_with * error_with / (n_with - 1)
                            + error_without * error_without / (n_without - 1)
                        )
                    )
        end as df
    from apart
),

quantiles as (
    select * from {{ ref('t_quantiles') }}
),

final as (
    select
        measured.question || '|' || measured.topic as impact_id,
        measured.question,
        measured.metric,
        measured.topic,
        measured.origin,
        cast(measured.n_with as bigint) as n_with,
        cast(measured.n_without as bigint) as n_without,
        measured.mean_with,
        measured.mean_without,
        measured.mean_with - measured.mean_without as impact,
        measured.mean_with - measured.mean_without
        - {{ cx_t_quantile('measured.df', 'quantiles.quantile') }} * sqrt(error_with + error_without) as ci_low,
        measured.mean_with - measured.mean_without
        + {{ cx_t_quantile('measured.df', 'quantiles.quantile') }} * sqrt(error_with + error_without) as ci_high,
        least(measured.n_with, measured.n_without) >= {{ var('min_sample') }} as enough_n
    from measured
    left join quantiles on cast(measured.df as {{ sql_type('int') }}) = quantiles.df
)

select * from final
