{{ config(schema='customer') }}
-- Grain: one row per product and one of the products most alike: bought by the same customers, cosine of the two sets of buyers.
-- Of a customer who buys everything only the max_products bought most often count: their number enters squared, and says least.
-- A product with fewer buyers than min_together can have no pair and is left out before the join.
with

settings as (
    select
        recommendations_max_products as max_products,
        recommendations_min_together as min_together,
        recommendations_neighbours as neighbours
    from {{ ref('config_commerce') }}
),

baskets as (
    select
        bought.customer_id,
        bought.product_key
    from {{ ref('customer_products') }} as bought
    cross join settings
    where bought.place <= settings.max_products
),

-- numbered: pairs are counted twice as fast by number as by name
items as (
    select
        baskets.product_key,
        row_number() over (order by baskets.product_key) as item,
        count(*) as buyers
    from baskets
    cross join settings
    group by baskets.product_key, settings.min_together
    having count(*) >= settings.min_together
),

kept as (
    select
        baskets.customer_id,
        items.item
    from baskets
    inner join items on baskets.product_key = items.product_key
),

-- each pair once, the smaller number first
pairs as (
    select
        one.item,
        other.item as other_item,
        count(*) as together
    from kept as one
    inner join kept as other on one.customer_id = other.customer_id and one.item < other.item
    cross join settings
    group by one.item, other.item, settings.min_together
    having count(*) >= settings.min_together
),

likened as (
    select
        one.product_key,
        other.product_key as other_product_key,
        pairs.together,
        -- decimal: sums of it must not depend on the order of their terms
        cast(pairs.together / sqrt(cast(one.buyers as double) * other.buyers) as decimal(18, 12)) as similarity
    from pairs
    inner join items as one on pairs.item = one.item
    inner join items as other on pairs.other_item = other.item
),

both_ways as (
    select
        product_key,
        other_product_key,
        together,
        similarity
    from likened
    union all
    select
        other_product_key as product_key,
        product_key as other_product_key,
        together,
        similarity
    from likened
),

ranked as (
    select
        *,
        row_number() over (
            partition by product_key order by similarity desc, together desc, other_product_key
        ) as place
    from both_ways
),

final as (
    select
        ranked.product_key,
        ranked.other_product_key,
        ranked.together,
        ranked.similarity,
        ranked.place
    from ranked
    cross join settings
    where ranked.place <= settings.neighbours
)

select * from final
