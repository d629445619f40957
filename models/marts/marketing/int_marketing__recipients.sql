{{ config(schema='customer') }}
-- Grain: one row per campaign and person who was written to or put in its comparison, and whether they bought.
-- Here an order counts whoever else has it: arms are compared by what people did, not by what was credited.
with

settings as (
    select
        campaigns.converts_days,
        campaigns.holdout_variants,
        clock.as_of
    from {{ ref('config_campaigns') }} as campaigns
    cross join {{ ref('run_clock') }} as clock
),

campaigns as (
    select
        source,
        campaign_id,
        min(started_at) as started_at
    from {{ ref('stg_campaigns') }}
    group by source, campaign_id
),

owners as (
    select * from {{ ref('node_customers') }}
),

parts as (
    select
        source,
        campaign_id,
        customer_id,
        variant,
        sent_at as begun_at,
        is_sent,
        is_delivered,
        is_opened,
        is_redeemed
    from {{ ref('int_marketing__messages') }}
    where customer_id is not null
    union all
    select
        assignments.source,
        assignments.campaign_id,
        owners.customer_id,
        assignments.variant,
        coalesce(assignments.assigned_at, campaigns.started_at) as begun_at,
        false as is_sent,
        false as is_delivered,
        false as is_opened,
        false as is_redeemed
    from {{ ref('stg_assignments') }} as assignments
    inner join owners on assignments.node_id = owners.node_id
    left join campaigns on assignments.source = campaigns.source and assignments.campaign_id = campaigns.campaign_id
),

people as (
    select
        source,
        campaign_id,
        customer_id,
        -- who got two variants says nothing about either
        case when count(distinct variant) = 1 then min(variant) end as variant,
        count(distinct variant) > 1 as is_mixed,
        min(begun_at) as begun_at,
        bool_or(is_sent) as is_sent,
        bool_or(is_delivered) as is_delivered,
        bool_or(is_opened) as is_opened,
        bool_or(is_redeemed) as is_redeemed
    from parts
    group by source, campaign_id, customer_id
),

purchases as (
    select
        customer_id,
        ordered_at,
        revenue
    from {{ ref('orders') }}
    where is_purchase and customer_id is not null
),

bought as (
    select
        people.source,
        people.campaign_id,
        people.customer_id,
        count(*) as orders,
        sum(purchases.revenue) as revenue
    from people
    inner join purchases on people.customer_id = purchases.customer_id
    cross join settings
    where
        purchases.ordered_at > people.begun_at
        and purchases.ordered_at <= people.begun_at + settings.converts_days * interval 1 day
    group by people.source, people.campaign_id, people.customer_id
),

final as (
    select
        people.source,
        people.campaign_id,
        people.customer_id,
        people.variant,
        people.is_mixed,
        coalesce({{ contains_word('settings.holdout_variants', 'people.variant') }}, false) as is_holdout,
        people.begun_at,
        people.is_sent,
        people.is_delivered,
        people.is_opened,
        people.is_redeemed,
        -- whether the days to buy in are over
        coalesce(people.begun_at + settings.converts_days * interval 1 day <= settings.as_of, false) as is_mature,
        bought.orders is not null as is_buyer,
        coalesce(bought.orders, 0) as orders,
        bought.revenue
    from people
    cross join settings
    left join bought
        on
            people.source = bought.source
            and people.campaign_id = bought.campaign_id
            and people.customer_id = bought.customer_id
)

select * from final
