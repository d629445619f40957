-- Grain: one row per known profile: every customer_id that identity gave to a record.
{% set former_at = 'clock.as_of - interval ' ~ var('former_after_months') ~ ' month' %}
with

golden as (
    select * from {{ ref('golden_records') }}
),

activity as (
    select * from {{ ref('customer_activity') }}
),

orders as (
    select * from {{ ref('customer_orders') }}
),

rfm as (
    select * from {{ ref('customer_rfm') }}
),

segments as (
    select * from {{ ref('customer_segments') }}
),

subscriptions as (
    select * from {{ ref('customer_subscriptions') }}
),

lifecycles as (
    select * from {{ ref('customer_lifecycle') }}
),

predictions as (
    select * from {{ ref('customer_predictions') }}
),

health as (
    select * from {{ ref('customer_health') }}
),

sentiments as (
    select * from {{ ref('customer_sentiment') }}
),

deals as (
    select * from {{ ref('customer_deals') }}
),

cases as (
    select
        customer_id,
        count(*) filter (where is_open) as open_cases
    from {{ ref('cx_cases') }}
    group by customer_id
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

final as (
    select
        ---------- who
        golden.customer_id,
        case
            when subscriptions.is_active then 'customer'
            when orders.last_order_at >= {{ former_at }} then 'customer'
            when subscriptions.last_ended_at >= {{ former_at }} then 'customer'
            when orders.orders > 0 or subscriptions.customer_id is not null then 'former'
            else 'lead'
        end as profile_kind,
        golden.full_name,
        golden.first_name,
        golden.last_name,
        golden.email,
        golden.phone,
        golden.street,
        golden.city,
        golden.region,
        golden.postal_code,
        golden.country,
        golden.birth_date,
        golden.gender,
        golden.language,
        golden.company,
        activity.brands,
        activity.first_seen_at,
        activity.last_seen_at,

        ---------- what they bought
        cast(coalesce(orders.orders, 0) as bigint) as orders,
        orders.first_order_at,
        orders.last_order_at,
        cast(coalesce(orders.revenue, 0) as decimal(18, 2)) as revenue,
        cast(
            case when orders.valued_orders > 0 then round(orders.net_amount / orders.valued_orders, 2) end
            as decimal(18, 2)
        ) as average_order_value,
        cast(coalesce(orders.refunds, 0) as decimal(18, 2)) as refunds,
        rfm.recency_score as rfm_recency_score,
        rfm.frequency_score as rfm_frequency_score,
        rfm.monetary_score as rfm_monetary_score,
        cast(rfm.recency_score as {{ sql_type('string') }})
        || cast(rfm.frequency_score as {{ sql_type('string') }})
        || cast(rfm.monetary_score as {{ sql_type('string') }}) as rfm_score,
        segments.segment as rfm_segment,
        lifecycles.lifecycle,
        predictions.churn_prob,
        predictions.churn_horizon_days,
        predictions.predicted_revenue_12m,
        predictions.clv_12m,
        health.health,
        health.is_validated as health_is_validated,

        ---------- what they did and said
        cast(activity.sessions as bigint) as sessions,
        activity.last_session_at,
        activity.latest_nps,
        activity.latest_nps_at,
        activity.latest_csat,
        activity.latest_csat_at,
        activity.latest_ces,
        activity.latest_ces_at,
        sentiments.recent_sentiment as sentiment,
        cast(coalesce(sentiments.texts, 0) as bigint) as sentiment_texts,
        cast(coalesce(cases.open_cases, 0) as bigint) as open_cases,
        cast(coalesce(deals.open_deals, 0) as bigint) as open_deals,
        deals.open_deal_amount,
        cast(activity.open_tickets as bigint) as open_tickets,
        cast(activity.tickets as bigint) as tickets,

        ---------- where we know it from
        cast(activity.records as bigint) as records,
        activity.sources
    from golden
    inner join activity on golden.customer_id = activity.customer_id
    left join orders on golden.customer_id = orders.customer_id
    left join rfm on golden.customer_id = rfm.customer_id
    left join segments on golden.customer_id = segments.customer_id
    left join subscriptions on golden.customer_id = subscriptions.customer_id
    left join lifecycles on golden.customer_id = lifecycles.customer_id
    left join predictions on golden.customer_id = predictions.customer_id
    left join health on golden.customer_id = health.customer_id
    left join sentiments on golden.customer_id = sentiments.customer_id
    left join cases on golden.customer_id = cases.customer_id
    left join deals on golden.customer_id = deals.customer_id
    cross join clock
)

select * from final
