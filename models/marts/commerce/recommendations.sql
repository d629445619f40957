-- Grain: one row per customer and rank: products to offer. First what is bought again (only where already_bought is allowed), then
-- what is bought by the same people, then what most people buy. Leads have no history: with recommendations.leads they get
-- the popular products, else none.
{% set strength = ordered_values(['pairs.similarity', 'pairs.product_key']) %}
with

settings as (
    select * from {{ ref('config_commerce') }}
),

history as (
    select * from {{ ref('customer_products') }}
),

customers as (
    select distinct customer_id from history
    union
    select owners.customer_id
    from {{ ref('node_customers') }} as owners
    cross join settings
    where settings.recommendations_leads
),

again as (
    select
        history.customer_id,
        history.product_key,
        1 as kind,
        cast(history.orders as double) as score
    from history
    cross join settings
    where settings.recommendations_already_bought = 'allow' and history.place <= settings.recommendations_top_n
),

alike as (
    select
        history.customer_id,
        pairs.other_product_key as product_key,
        sum(pairs.similarity) as score
    from history
    cross join settings
    inner join {{ ref('product_pairs') }} as pairs on history.product_key = pairs.product_key
    where history.place <= settings.recommendations_max_products
    group by history.customer_id, pairs.other_product_key
),

-- what they have is offered again as such, or not at all
fresh as (
    select
        alike.customer_id,
        alike.product_key,
        2 as kind,
        alike.score
    from alike
    left join history on alike.customer_id = history.customer_id and alike.product_key = history.product_key
    where history.customer_id is null
),

personal as (
    select * from again
    union all
    select * from fresh
),

short as (
    select customers.customer_id
    from customers
    cross join settings
    left join personal on customers.customer_id = personal.customer_id
    group by customers.customer_id, settings.recommendations_top_n
    having count(personal.product_key) < settings.recommendations_top_n
),

popular as (
    select
        product_key,
        count(*) as buyers,
        row_number() over (order by count(*) desc, product_key) as place
    from history
    group by product_key
),

fallback as (
    select
        short.customer_id,
        popular.product_key,
        3 as kind,
        cast(popular.buyers as double) as score
    from short
    cross join settings
    inner join popular on popular.place <= 5 * settings.recommendations_top_n
    left join history on short.customer_id = history.customer_id and popular.product_key = history.product_key
    left join personal on short.customer_id = personal.customer_id and popular.product_key = personal.product_key
    where history.customer_id is null and personal.customer_id is null
),

candidates as (
    select * from personal
    union all
    select * from fallback
),

ranked as (
    select
        *,
        row_number() over (partition by customer_id order by kind, score desc, product_key) as place
    from candidates
),

winners as (
    select
        ranked.customer_id,
        ranked.product_key,
        ranked.kind,
        ranked.score,
        ranked.place
    from ranked
    cross join settings
    where ranked.place <= settings.recommendations_top_n
),

-- of what they bought, the product that speaks most for a winner: asked for few, not for all candidates
speaking as (
    select
        winners.customer_id,
        winners.product_key,
        {{ max_by('pairs.product_key', strength) }} as because_product_key,
        {{ max_by('pairs.together', strength) }} as together
    from winners
    cross join settings
    inner join {{ ref('product_pairs') }} as pairs on winners.product_key = pairs.other_product_key
    inner join history on winners.customer_id = history.customer_id and pairs.product_key = history.product_key
    where winners.kind = 2 and history.place <= settings.recommendations_max_products
    group by winners.customer_id, winners.product_key
),

final as (
    select
        winners.customer_id,
        cast(winners.place as {{ sql_type('int') }}) as rank,
        winners.product_key,
        case winners.kind
            when 1 then 'bought before'
            when 2 then 'bought by the same people'
            else 'popular'
        end as reason,
        case winners.kind
            when 1 then winners.product_key
            when 2 then speaking.because_product_key
        end as because_product_key,
        -- orders of theirs and buyers are the score itself
        case when winners.kind = 2 then speaking.together else cast(winners.score as bigint) end as n,
        winners.score
    from winners
    left join speaking on winners.customer_id = speaking.customer_id and winners.product_key = speaking.product_key
)

select * from final
