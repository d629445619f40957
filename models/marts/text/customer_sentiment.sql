{{ config(schema='customer') }}
-- Grain: one row per customer who wrote something that could be judged: sentiment over all texts, the last ten, and the latest.
-- Our own words to the customer do not count. Texts without a time count in means, and are never the latest while others have one.
with

texts as (
    select
        customer_id,
        text_id,
        occurred_at,
        sentiment,
        cast(round(sentiment * 10000) as bigint) as points,
        sentiment_label,
        emotion,
        intent,
        row_number() over (
            -- ties in time are broken by the record's name
            partition by customer_id order by occurred_at desc nulls last, text_id desc
        ) as age
    from {{ ref('text_signals') }}
    where is_by_customer and customer_id is not null and sentiment is not null
),

final as (
    select
        customer_id,
        count(*) as texts,
        -- in whole ten-thousandths, so that the order in which they are added up cannot show
        cast(sum(points) as double) / count(*) / 10000 as mean_sentiment,
        cast(sum(case when age <= 10 then points end) as double) / least(count(*), 10) / 10000 as recent_sentiment,
        count(case when sentiment_label = 'negative' then 1 end) as negative_texts,
        count(case when sentiment_label = 'positive' then 1 end) as positive_texts,
        max(case when age = 1 then sentiment end) as latest_sentiment,
        max(case when age = 1 then sentiment_label end) as latest_label,
        max(case when age = 1 then emotion end) as latest_emotion,
        max(case when age = 1 then intent end) as latest_intent,
        max(case when age = 1 then occurred_at end) as latest_at
    from texts
    group by customer_id
)

select * from final
