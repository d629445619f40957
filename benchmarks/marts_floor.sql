-- The floor of benchmarks/marts.py: the same core tables by hand, one statement each, from the staged rows and their owners.
-- No increments, no contracts, no provenance, no excluded cases beyond those that decide a figure: what an analyst would write once.
-- `cdp` is the warehouse, attached read-only.
create table event_owners as
with known as (
    select e.record_id, e.source || ':' || e.anonymous_id as device_id, e.occurred_at, e.message_id, o.customer_id as login_id
    from cdp.staging.stg_events as e
    left join cdp.identity.node_customers as o using (node_id)
)
select
    record_id, device_id, occurred_at, message_id,
    coalesce(
        login_id,
        last_value(login_id ignore nulls) over (
            partition by device_id order by occurred_at, message_id rows between unbounded preceding and current row
        ),
        first_value(login_id ignore nulls) over (
            partition by device_id order by occurred_at, message_id rows between unbounded preceding and unbounded following
        )
    ) as customer_id
from known;

create table sessions as
with cut as (
    select
        o.*, e.event_name, e.page_url, e.referrer, e.utm_source, e.utm_medium, e.platform, e.type,
        case
            when
                o.occurred_at - lag(o.occurred_at) over device <= interval 30 minute
                and o.customer_id is not distinct from lag(o.customer_id) over device
                then 0
            else 1
        end as is_first
    from event_owners as o
    inner join cdp.staging.stg_events as e using (record_id)
    window device as (partition by o.device_id order by o.occurred_at, o.message_id)
),

numbered as (
    select *, sum(is_first) over (partition by device_id order by occurred_at, message_id) as session_no
    from cut
)

select
    device_id, session_no, any_value(customer_id) as customer_id, min(occurred_at) as started_at, max(occurred_at) as ended_at,
    count(*) as events, count(*) filter (where type = 'page') as pages,
    bool_or(event_name = 'Order Completed') as has_purchase,
    arg_min(page_url, occurred_at) as landing_url, arg_min(referrer, occurred_at) as referrer,
    arg_min(utm_source, occurred_at) as utm_source, arg_min(utm_medium, occurred_at) as utm_medium,
    arg_min(platform, occurred_at) as platform
from numbered
group by device_id, session_no;

create table orders as
select
    s.source || ':' || s.order_id as order_key, s.record_id, o.customer_id, s.ordered_at, s.channel, s.gross_amount,
    s.gross_amount - coalesce(s.discount_amount, 0) as net_amount,
    s.gross_amount - coalesce(s.discount_amount, 0) as revenue,
    s.gross_amount > 0 as is_purchase
from cdp.staging.stg_orders as s
left join cdp.identity.node_customers as o using (node_id);

create table feedback as
select
    a.answer_id, a.record_id, o.customer_id, a.question_key, a.score, r.responded_at, r.touchpoint, r.channel
from cdp.staging.stg_answers as a
inner join cdp.staging.stg_responses as r using (record_id)
left join cdp.identity.node_customers as o using (node_id)
where a.score is not null;

create table timeline as
select 'order:' || order_key as touch_id, customer_id, ordered_at as occurred_at, 'order' as kind from orders where customer_id is not null
union all
select 'session:' || device_id || session_no, customer_id, started_at, 'session' from sessions where customer_id is not null
union all
select 'answer:' || answer_id, customer_id, responded_at, 'answer' from feedback where customer_id is not null and responded_at is not null;

create table cx_scores as
with cuts as (
    select *, date_trunc('month', responded_at) as month from feedback
),

counted as (
    select
        question_key, touchpoint, channel, month, count(*) as n, count(distinct customer_id) as respondents,
        count(*) filter (where score >= 9) as promoters, count(*) filter (where score <= 6) as detractors,
        sum(score) as sum_score, sum(score * score) as sum_squares
    from cuts
    group by grouping sets (
        (question_key), (question_key, month), (question_key, touchpoint), (question_key, touchpoint, month),
        (question_key, channel), (question_key, channel, month)
    )
)

select
    *, 100.0 * (promoters - detractors) / n as nps, sum_score / n as mean,
    1.96 * sqrt((promoters + detractors) / n / n) as half_width
from counted;

create table customer_orders as
select
    customer_id, count(*) filter (where is_purchase) as orders, sum(revenue) as revenue, min(ordered_at) as first_order_at,
    max(ordered_at) as last_order_at, count(*) filter (where is_purchase and ordered_at > timestamp '2025-06-30') as recent_orders,
    sum(revenue) filter (where ordered_at > timestamp '2025-06-30') as recent_revenue
from orders
where customer_id is not null
group by customer_id;

create table rfm as
select
    customer_id,
    ntile(5) over (order by last_order_at) as recency_score, ntile(5) over (order by recent_orders) as frequency_score,
    ntile(5) over (order by recent_revenue) as monetary_score
from customer_orders
where recent_orders > 0;

create table kpis as
with months as (
    select customer_id, date_trunc('month', ordered_at) as month, count(*) as purchases, sum(revenue) as revenue
    from orders
    where is_purchase and customer_id is not null
    group by all
),

followed as (
    select *, lag(month) over (partition by customer_id order by month) as previous_month, min(month) over (partition by customer_id) as cohort
    from months
)

select
    month, cohort, count(*) as active, count(*) filter (where previous_month is null) as new_customers, sum(purchases) as orders, sum(revenue) as revenue
from followed
group by month, cohort;

create table golden as
with ranked as (
    select
        o.customer_id, c.email, c.phone, c.full_name, c.first_name, c.last_name, c.birth_date, c.street, c.city, c.country,
        row_number() over (partition by o.customer_id order by c.record_updated_at, c.load_seq, c.record_id) as n
    from cdp.staging.stg_contacts as c
    inner join cdp.identity.node_customers as o using (node_id)
)

select
    customer_id, max_by(email, n) as email, max_by(phone, n) as phone, max_by(full_name, n) as full_name,
    max_by(first_name, n) as first_name, max_by(last_name, n) as last_name, max_by(birth_date, n) as birth_date,
    max_by(struct_pack(street, city, country), n) as address
from ranked
group by customer_id;

create table customer_360 as
with touches as (
    select customer_id, min(occurred_at) as first_seen_at, max(occurred_at) as last_seen_at, count(*) filter (where kind = 'session') as sessions
    from timeline
    group by customer_id
),

answers as (
    select customer_id, max_by(score, responded_at) filter (where question_key = 'nps_overall') as latest_nps from feedback group by customer_id
)

select *
from golden
left join customer_orders using (customer_id)
left join rfm using (customer_id)
left join touches using (customer_id)
left join answers using (customer_id);
