-- Grain: one row per customer, kind (product, category) and item, the strongest ones: what somebody looks at, puts into the cart and
-- buys, each act worth its weight in cdp.yml and half of that after each half-life.
with

settings as (
    select
        half_life_seconds,
        weight_viewed,
        weight_wished,
        weight_added,
        weight_purchased,
        affinity_top
    from {{ ref('config_web') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

products as (
    select
        product_key,
        product_id,
        category
    from {{ ref('products') }}
    where category is not null
),

-- a tracker says the number only; it names a category where all sources mean the same by it
categories as (
    select
        product_id,
        min(category) as category
    from products
    group by product_id
    having count(distinct category) = 1
),

reported as (
    select
        actions.customer_id,
        actions.occurred_at,
        {{ json_list(json_each('events.properties', 'products'), ['product_id', 'sku', 'category']) }} as said
    from {{ ref('conversions') }} as conversions
    inner join {{ ref('web_actions') }} as actions on conversions.conversion_id = 'event:' || actions.record_id
    inner join {{ ref('stg_events') }} as events on actions.record_id = events.record_id
    where actions.customer_id is not null
),

acts as (
    select
        customer_id,
        occurred_at,
        action,
        product_id,
        category
    from {{ ref('web_actions') }}
    where
        customer_id is not null
        and not is_bot
        and action in ('product_viewed', 'wishlist_added', 'product_added')
    union all
    select
        lines.customer_id,
        lines.ordered_at as occurred_at,
        'purchased' as action,
        lines.product_id,
        products.category
    from {{ ref('order_lines') }} as lines
    left join products on lines.product_key = products.product_key
    where lines.is_paid and lines.customer_id is not null
    union all
    select
        customer_id,
        occurred_at,
        'purchased' as action,
        coalesce({{ nth('said', 1) }}, {{ nth('said', 2) }}) as product_id,
        {{ nth('said', 3) }} as category
    from reported
),

named as (
    select
        acts.customer_id,
        acts.occurred_at,
        acts.action,
        acts.product_id,
        coalesce(acts.category, categories.category) as category
    from acts
    left join categories on acts.product_id = categories.product_id
),

weighed as (
    select
        named.*,
        -- decimals: the order of adding up must not change a figure
        cast(
            case named.action
                when 'product_viewed' then settings.weight_viewed
                when 'wishlist_added' then settings.weight_wished
                when 'product_added' then settings.weight_added
                else settings.weight_purchased
            end * power(
                0.5e0,
                greatest({{ seconds_between('named.occurred_at', 'clock.as_of') }}, 0) / settings.half_life_seconds
            ) as decimal(18, 9)
        ) as worth
    from named
    cross join settings
    cross join clock
),

summed as (
    {% for kind in ['product', 'category'] %}
    select
        customer_id,
        '{{ kind }}' as kind,
        {{ kind ~ '_id' if kind == 'product' else kind }} as item,
        sum(worth) as score,
        count(*) filter (where action = 'product_viewed') as views,
        count(*) filter (where action = 'product_added') as adds,
        count(*) filter (where action = 'purchased') as purchases,
        max(occurred_at) as last_at
    from weighed
    where {{ kind ~ '_id' if kind == 'product' else kind }} is not null
    group by customer_id, {{ kind ~ '_id' if kind == 'product' else kind }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ranked as (
    select
        *,
        row_number() over (partition by customer_id, kind order by score desc, item) as place,
        sum(score) over (partition by customer_id, kind) as total
    from summed
    where score > 0
),

final as (
    select
        ranked.customer_id,
        ranked.kind,
        ranked.place,
        ranked.item,
        cast(ranked.score as double) as score,
        cast(ranked.score as double) / cast(ranked.total as double) as share,
        ranked.views,
        ranked.adds,
        ranked.purchases,
        ranked.last_at
    from ranked
    cross join settings
    where ranked.place <= settings.affinity_top
)

select * from final
