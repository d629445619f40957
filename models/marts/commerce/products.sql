-- Grain: one row per product of a source, listed or only sold.
with

listed as (
    select
        source || ':' || product_id as product_key,
        source,
        product_id,
        name,
        category,
        department,
        brand_name,
        price,
        row_number() over (
            partition by source, product_id
            order by record_updated_at desc nulls last, load_seq desc, record_id desc
        ) as age
    from {{ ref('stg_products') }}
),

current_listed as (
    select *
    from listed
    where age = 1
),

sales as (
    select
        product_key,
        min(source) as source,
        min(product_id) as product_id,
        sum(quantity) as units,
        sum(revenue) as revenue,
        count(distinct order_key) as orders,
        count(distinct customer_id) as buyers,
        min(ordered_at) as first_sold_at,
        max(ordered_at) as last_sold_at
    from {{ ref('order_lines') }}
    where is_paid and product_key is not null
    group by product_key
),

final as (
    select
        coalesce(listed.product_key, sales.product_key) as product_key,
        coalesce(listed.source, sales.source) as source,
        coalesce(listed.product_id, sales.product_id) as product_id,
        listed.name,
        listed.category,
        listed.department,
        listed.brand_name,
        cast(listed.price as decimal(18, 2)) as price,
        listed.product_key is not null as is_listed,
        cast(coalesce(sales.units, 0) as double) as units,
        cast(coalesce(sales.revenue, 0) as decimal(18, 2)) as revenue,
        cast(coalesce(sales.orders, 0) as bigint) as orders,
        cast(coalesce(sales.buyers, 0) as bigint) as buyers,
        sales.first_sold_at,
        sales.last_sold_at
    from current_listed as listed
    full outer join sales on listed.product_key = sales.product_key
)

select * from final
