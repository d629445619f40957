{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_customers union select touch_key from staging.touched_profiles',
    schema='customer',
) }}
-- Grain: one row per customer: first and last touch, sessions, tickets and the latest score of each metric.
-- depends_on: {{ ref('touched_customers') }} {{ ref('touched_profiles') }}
with

customers as (
    select distinct customer_id
    from {{ ref('node_customers') }}
    {% if is_incremental() %}
    where
        customer_id in (
            select touch_key from {{ ref('touched_customers') }}
            union
            select touch_key from {{ ref('touched_profiles') }}
        )
    {% endif %}
),

records as (
    select
        customer_id,
        count(*) as records,
        {{ distinct_list('source') }} as sources,
        {{ distinct_list('brand') }} as brands,
        min(first_seen_at) as first_record_at,
        max(first_seen_at) as last_record_at
    from {{ ref('customer_records') }}
    where customer_id in (select customer_id from customers)
    group by customer_id
),

touches as (
    select
        customer_id,
        min(case when is_by_customer or kind <> 'session' then occurred_at end) as first_touch_at,
        max(case when is_by_customer then occurred_at end) as last_touch_at
    from {{ ref('customer_touches') }}
    where customer_id in (select customer_id from customers)
    group by customer_id
),

sessions as (
    select
        customer_id,
        count(*) as sessions,
        max(started_at) as last_session_at
    from {{ ref('sessions') }}
    where customer_id in (select customer_id from customers) and not is_bot
    group by customer_id
),

tickets as (
    select
        customer_id,
        count(*) as tickets,
        count(*) filter (where is_open) as open_tickets
    from {{ ref('tickets') }}
    where customer_id in (select customer_id from customers)
    group by customer_id
),

ranked_answers as (
    select
        customer_id,
        metric,
        -- the score as given, of an effort turned round: of an ease more is better, whichever way the tool asks
        cast(case when metric = 'ces' then oriented_score else score end as double) as score,
        responded_at,
        row_number() over (partition by customer_id, metric order by responded_at desc, feedback_id desc) as age
    from {{ ref('feedback') }}
    where customer_id in (select customer_id from customers) and responded_at is not null
),

answers as (
    select
        customer_id,
        max(case when metric = 'nps' then score end) as latest_nps,
        max(case when metric = 'nps' then responded_at end) as latest_nps_at,
        max(case when metric = 'csat' then score end) as latest_csat,
        max(case when metric = 'csat' then responded_at end) as latest_csat_at,
        max(case when metric = 'ces' then score end) as latest_ces,
        max(case when metric = 'ces' then responded_at end) as latest_ces_at
    from ranked_answers
    where age = 1
    group by customer_id
),

final as (
    select
        customers.customer_id,
        coalesce(records.records, 0) as records,
        records.sources,
        records.brands,
        least(
            coalesce(records.first_record_at, touches.first_touch_at),
            coalesce(touches.first_touch_at, records.first_record_at)
        ) as first_seen_at,
        coalesce(touches.last_touch_at, records.last_record_at) as last_seen_at,
        coalesce(sessions.sessions, 0) as sessions,
        sessions.last_session_at,
        coalesce(tickets.tickets, 0) as tickets,
        coalesce(tickets.open_tickets, 0) as open_tickets,
        answers.latest_nps,
        answers.latest_nps_at,
        answers.latest_csat,
        answers.latest_csat_at,
        answers.latest_ces,
        answers.latest_ces_at
    from customers
    left join records on customers.customer_id = records.customer_id
    left join touches on customers.customer_id = touches.customer_id
    left join sessions on customers.customer_id = sessions.customer_id
    left join tickets on customers.customer_id = tickets.customer_id
    left join answers on customers.customer_id = answers.customer_id
)

select * from final
