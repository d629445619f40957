-- Grain: one row per customer and brand that has a record of them: what this brand knows, with nothing told to another.
-- Name and contact points by the brand's own contact records alone, decided as in golden_records; purchases as in customer_360.
with

records as (
    select
        customer_id,
        brand,
        count(*) as records,
        count(*) filter (where entity = 'contact') as profiles,
        {{ distinct_list('source') }} as sources,
        min(first_seen_at) as first_seen_at
    from {{ ref('customer_records') }}
    where brand is not null
    group by customer_id, brand
),

known as (
    select * from {{ ref('brand_fields') }}
),

bought as (
    select
        customer_id,
        brand,
        count(*) filter (where is_purchase) as orders,
        min(case when is_purchase then ordered_at end) as first_order_at,
        max(case when is_purchase then ordered_at end) as last_order_at,
        cast(coalesce(sum(revenue), 0) as decimal(18, 2)) as revenue
    from {{ ref('orders') }}
    where customer_id is not null and brand is not null and is_paid
    group by customer_id, brand
),

final as (
    select
        records.customer_id,
        records.brand,
        known.full_name,
        known.email,
        known.phone,
        known.language,
        records.sources,
        records.records,
        records.profiles,
        records.first_seen_at,
        coalesce(bought.orders, 0) as orders,
        bought.first_order_at,
        bought.last_order_at,
        coalesce(bought.revenue, cast(0 as decimal(18, 2))) as revenue
    from records
    left join known on records.customer_id = known.customer_id and records.brand = known.brand
    left join bought on records.customer_id = bought.customer_id and records.brand = bought.brand
)

select * from final
