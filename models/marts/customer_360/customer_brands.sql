-- Grain: one row per customer and brand that has a record of them: what this brand knows, with nothing told to another.
-- The latest name and contact points of the brand's own contact records, none that may not identify anybody (as in golden_records);
-- purchases as in customer_360.
{% set fields = ['email', 'phone', 'full_name', 'language'] %}
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

records as (
    select
        customer_id,
        brand,
        count(*) as records,
        {{ distinct_list('source') }} as sources,
        min(first_seen_at) as first_seen_at
    from {{ ref('customer_records') }}
    where brand is not null
    group by customer_id, brand
),

refused as (
    select distinct
        node_id,
        identifier_type,
        identifier_value
    from {{ ref('int_identity__identifiers') }}
    where refused_because is not null and identifier_type in ('email', 'phone')
),

people as (
    select
        owners.customer_id,
        contacts.brand,
        {{ shown('contacts', 'email') }} as email,
        {{ shown('contacts', 'phone') }} as phone,
        coalesce(
            contacts.full_name,
            contacts.first_name || ' ' || contacts.last_name,
            contacts.first_name,
            contacts.last_name
        ) as full_name,
        contacts.language,
        row_number() over (
            partition by owners.customer_id, contacts.brand
            order by
                coalesce(contacts.record_updated_at, contacts.created_at) nulls first,
                contacts.load_seq,
                contacts.record_id
        ) as recency
    from {{ ref('stg_contacts') }} as contacts
    inner join owners on contacts.node_id = owners.node_id
    {{ join_refused('contacts') }}
    where contacts.brand is not null
),

known as (
    select
        customer_id,
        brand,
        count(*) as profiles,
        -- noqa: disable=LT02
        {% for field in fields %}
        {% set told = 'case when ' ~ field ~ ' is not null then recency end' %}
        {{ max_by(field, told) }} as {{ field }}{{ ',' if not loop.last }}
        {% endfor %}
    -- noqa: enable=LT02
    from people
    group by customer_id, brand
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
        coalesce(known.profiles, 0) as profiles,
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
