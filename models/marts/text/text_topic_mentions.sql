-- Grain: one row per text and topic it is about.
with

texts as (
    select
        record_id,
        kind,
        customer_id,
        touchpoint,
        occurred_at,
        is_by_customer,
        text_key
    from {{ ref('texts') }}
),

scores as (
    select
        text_key,
        language,
        sentiment,
        topics
    from {{ ref('text_scores') }}
),

named as (
    select
        text_key,
        language,
        sentiment,
        {{ unnest_list('topics') }} as topic
    from scores
),

final as (
    select
        texts.record_id as text_id,
        named.topic,
        case when named.topic like 'discovered: %' then 'discovered' else 'rule' end as origin,
        texts.kind,
        texts.customer_id,
        texts.touchpoint,
        texts.occurred_at,
        texts.is_by_customer,
        named.language,
        named.sentiment
    from texts
    inner join named on texts.text_key = named.text_key
)

select * from final
