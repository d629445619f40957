-- Grain: one row per organisation: declared by a source, or known by the mail domain of customers.
-- Everything it has done is that of its people; who is with two organisations counts for both.
{% set z2 = 1.959963984540054 ** 2 %}
with

declared as (
    select
        lower(domain) as account_domain,
        name,
        industry,
        country_code,
        source,
        row_number() over (partition by lower(domain) order by record_id) as place
    from {{ ref('stg_accounts') }}
    where domain is not null
),

people as (
    select * from {{ ref('customer_accounts') }}
),

tickets as (
    select
        customer_id,
        count(*) as open_tickets
    from {{ ref('tickets') }}
    where is_open and customer_id is not null
    group by customer_id
),

-- one answer a person, the latest: they are independent then, and nobody is counted twice
answers as (
    select
        customer_id,
        nps_points,
        row_number() over (partition by customer_id order by responded_at desc nulls last, feedback_id desc) as age
    from {{ ref('feedback') }}
    where metric = 'nps' and kind = 'relational' and customer_id is not null
),

members as (
    select
        people.account_domain,
        count(*) as members,
        count(*) filter (where orders.orders > 0) as customers,
        coalesce(sum(orders.orders), 0) as orders,
        coalesce(sum(orders.revenue), 0) as revenue,
        coalesce(sum(deals.open_deals), 0) as open_deals,
        coalesce(sum(deals.won_deals), 0) as won_deals,
        coalesce(sum(deals.lost_deals), 0) as lost_deals,
        sum(deals.open_deal_amount) as open_deal_amount,
        coalesce(sum(tickets.open_tickets), 0) as open_tickets,
        count(answers.nps_points) as nps_n,
        avg(cast(answers.nps_points as double)) as nps,
        count(*) filter (where answers.nps_points = 100) as promoters,
        count(*) filter (where answers.nps_points = -100) as detractors
    from people
    left join {{ ref('customer_orders') }} as orders on people.customer_id = orders.customer_id
    left join {{ ref('customer_deals') }} as deals on people.customer_id = deals.customer_id
    left join tickets on people.customer_id = tickets.customer_id
    left join answers on people.customer_id = answers.customer_id and answers.age = 1
    group by people.account_domain
),

-- adjusted Wald as in cx_scores: 3/4, 3/2 and 3/4 answers added
adjusted as (
    select
        *,
        (promoters + 0.75e0) / (nps_n + 3e0) as promoter_share,
        (detractors + 0.75e0) / (nps_n + 3e0) as detractor_share
    from members
),

widened as (
    select
        *,
        100e0 * (promoter_share - detractor_share) as centre,
        100e0 * sqrt(
            {{ z2 }}e0 * (
                promoter_share + detractor_share
                - (promoter_share - detractor_share) * (promoter_share - detractor_share)
            ) / (nps_n + 3e0)
        ) as half_width
    from adjusted
),

final as (
    select
        coalesce(declared.account_domain, widened.account_domain) as account_domain,
        declared.name,
        declared.industry,
        declared.country_code,
        declared.source,
        cast(coalesce(widened.members, 0) as bigint) as members,
        cast(coalesce(widened.customers, 0) as bigint) as customers,
        cast(coalesce(widened.orders, 0) as bigint) as orders,
        cast(coalesce(widened.revenue, 0) as decimal(18, 2)) as revenue,
        cast(coalesce(widened.open_deals, 0) as bigint) as open_deals,
        cast(coalesce(widened.won_deals, 0) as bigint) as won_deals,
        cast(coalesce(widened.lost_deals, 0) as bigint) as lost_deals,
        cast(widened.open_deal_amount as decimal(18, 2)) as open_deal_amount,
        cast(coalesce(widened.open_tickets, 0) as bigint) as open_tickets,
        cast(coalesce(widened.nps_n, 0) as bigint) as nps_n,
        widened.nps,
        case when widened.nps_n > 0 then least(widened.centre - widened.half_width, widened.nps) end as nps_ci_low,
        case when widened.nps_n > 0 then greatest(widened.centre + widened.half_width, widened.nps) end as nps_ci_high,
        coalesce(widened.nps_n, 0) >= {{ var('min_sample') }} as nps_enough_n
    from declared
    full outer join widened on declared.account_domain = widened.account_domain
    where coalesce(declared.place, 1) = 1
)

select * from final
