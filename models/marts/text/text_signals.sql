-- Grain: one row per text of any kind: what was read in it. The words themselves are not here: those of an answer stand in `feedback`,
-- the rest stays in the private schema.
-- A plain table: a new fit changes what all texts of a language say, whoever wrote them.
with

texts as (
    select * from {{ ref('texts') }}
),

scores as (
    select * from {{ ref('text_scores') }}
),

final as (
    select
        texts.record_id as text_id,
        texts.kind,
        texts.source,
        texts.brand,
        texts.customer_id,
        texts.channel,
        texts.touchpoint,
        texts.occurred_at,
        texts.order_id,
        texts.ticket_id,
        texts.is_by_customer,
        cast(length(texts.text) as {{ sql_type('int') }}) as characters,
        scores.language,
        scores.language_by,
        scores.sentiment,
        scores.sentiment_label,
        scores.sentiment_by,
        scores.words,
        scores.emotion,
        scores.intent,
        {{ joined_list('scores.topics') }} as topics,
        nullif(
            concat_ws(
                ', ',
                case when scores.language is not null then 'language' end,
                case when scores.sentiment is not null then 'sentiment' end,
                case when scores.emotion is not null then 'emotion' end,
                case when scores.intent is not null then 'intent' end,
                case when {{ joined_list('scores.topics') }} is not null then 'topics' end
            ),
            ''
        ) as coverage
    from texts
    inner join scores on texts.text_key = scores.text_key
)

select * from final
