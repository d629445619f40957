{{ config(schema='customer') }}
-- Grain: one row per conversion: an order that is a purchase, or a purchase on the web that no order record can cover.
-- A purchase event and the order record with its number are one conversion: the record says what was sold for how much,
-- the event says when, in which session and on which device. Rules of counting: docs/web.md.
with

settings as (
    select purchase_events from {{ ref('config_web') }}
),

web_order_channels as (
    select word as channel from {{ ref('config_web_words') }}
    where kind = 'order_channel'
),

orders as (
    select * from {{ ref('orders') }}
),

events as (
    select * from {{ ref('int_web__worth') }}
    where action = 'purchased' and not is_bot
),

-- order numbers are unique within a source only: of several orders with the number of the event, its own person's, then the
-- nearest in time. Cancelled orders take part, so that their event does not become a sale again.
candidates as (
    select
        events.record_id,
        orders.order_key,
        events.occurred_at,
        row_number() over (
            partition by events.record_id
            order by
                case when events.customer_id = orders.customer_id then 0 else 1 end,
                abs({{ seconds_between('events.occurred_at', 'orders.ordered_at') }}),
                orders.order_key
        ) as fit
    from events
    inner join orders on events.order_id = orders.order_id
    where events.brand is null or orders.brand is null or events.brand = orders.brand
),

-- a thank-you page that is opened again reports its order again: the first report stands
reported as (
    select
        record_id,
        order_key,
        row_number() over (partition by order_key order by occurred_at, record_id) as age
    from candidates
    where fit = 1
),

of_orders as (
    select
        'order:' || orders.order_key as conversion_id,
        'order' as kind,
        orders.order_key,
        orders.source,
        orders.brand,
        orders.channel as order_channel,
        coalesce(orders.customer_id, events.customer_id) as customer_id,
        coalesce(events.customer_id, events.device_id) as visitor_id,
        coalesce(events.occurred_at, orders.ordered_at) as converted_at,
        orders.revenue,
        events.record_id is not null or orders.channel is null or web_order_channels.channel is not null as is_web
    from orders
    left join reported on orders.order_key = reported.order_key and reported.age = 1
    left join events on reported.record_id = events.record_id
    left join web_order_channels on orders.channel = web_order_channels.channel
    where orders.is_purchase
),

unmatched as (
    select
        *,
        row_number() over (
            partition by source, coalesce(brand, ''), coalesce(order_id, record_id) order by occurred_at, record_id
        ) as age
    from events
    where record_id not in (select record_id from candidates)
),

-- brands first: they are few
event_brands as (
    select distinct brand from unmatched
),

order_brands as (
    select distinct brand from orders
),

covered_brands as (
    select distinct coalesce(event_brands.brand, '') as event_brand
    from event_brands
    inner join order_brands
        on event_brands.brand is null or order_brands.brand is null or event_brands.brand = order_brands.brand
),

of_events as (
    select
        'event:' || unmatched.record_id as conversion_id,
        'web event' as kind,
        cast(null as {{ sql_type('string') }}) as order_key,
        unmatched.source,
        unmatched.brand,
        cast(null as {{ sql_type('string') }}) as order_channel,
        unmatched.customer_id,
        coalesce(unmatched.customer_id, unmatched.device_id) as visitor_id,
        unmatched.occurred_at as converted_at,
        unmatched.amount_worth as revenue,
        true as is_web
    from unmatched
    cross join settings
    left join covered_brands on coalesce(unmatched.brand, '') = covered_brands.event_brand
    where
        unmatched.age = 1
        and (
            settings.purchase_events = 'unmatched'
            or (settings.purchase_events = 'auto' and covered_brands.event_brand is null)
        )
),

united as (
    select * from of_orders
    union all
    select * from of_events
),

firsts as (
    select {{ min_by('conversion_id', ordered_values(['converted_at', 'conversion_id'])) }} as conversion_id
    from united
    where coalesce(customer_id, visitor_id) is not null
    group by coalesce(customer_id, visitor_id)
),

final as (
    select
        united.conversion_id,
        united.kind,
        united.order_key,
        united.source,
        united.brand,
        united.order_channel,
        united.customer_id,
        united.visitor_id,
        united.converted_at,
        united.revenue,
        united.is_web,
        case
            when coalesce(united.customer_id, united.visitor_id) is not null then firsts.conversion_id is not null
        end as is_first
    from united
    left join firsts on united.conversion_id = firsts.conversion_id
)

select * from final
