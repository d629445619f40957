{{ config(schema='customer') }}
-- Grain: one row per customer with a visit, a conversion, a cart or an affinity: what customer_360 shows of the web.
with

sessions as (
    select
        customer_id,
        sessions as web_sessions,
        bot_sessions,
        last_visit_at,
        first_visit_channel
    from {{ ref('int_web__visitors') }}
    where customer_id is not null
),

acquired as (
    select
        customer_id,
        max(channel) as acquisition_channel,
        max(utm_campaign) as acquisition_campaign
    from {{ ref('attribution') }}
    where is_first and last_non_direct_weight = 1 and customer_id is not null
    group by customer_id
),

ranked_carts as (
    select
        *,
        row_number() over (partition by customer_id order by opened_at desc, cart_id) as age
    from {{ ref('carts') }}
    where customer_id is not null
),

carts as (
    select
        customer_id,
        state as cart_state,
        amount as cart_amount,
        products as cart_products,
        abandoned_since as cart_abandoned_since
    from ranked_carts
    where age = 1
),

favourites as (
    select
        customer_id,
        max(case when kind = 'category' then item end) as favourite_category,
        max(case when kind = 'product' then item end) as favourite_product
    from {{ ref('customer_affinity') }}
    where place = 1
    group by customer_id
),

customers as (
    select customer_id from sessions
    union
    select customer_id from acquired
    union
    select customer_id from carts
    union
    select customer_id from favourites
),

final as (
    select
        customers.customer_id,
        coalesce(sessions.web_sessions, 0) as web_sessions,
        coalesce(sessions.bot_sessions, 0) as bot_sessions,
        sessions.last_visit_at,
        sessions.first_visit_channel,
        acquired.acquisition_channel,
        acquired.acquisition_campaign,
        carts.cart_state,
        carts.cart_amount,
        carts.cart_products,
        carts.cart_abandoned_since,
        favourites.favourite_category,
        favourites.favourite_product
    from customers
    left join sessions on customers.customer_id = sessions.customer_id
    left join acquired on customers.customer_id = acquired.customer_id
    left join carts on customers.customer_id = carts.customer_id
    left join favourites on customers.customer_id = favourites.customer_id
)

select * from final
