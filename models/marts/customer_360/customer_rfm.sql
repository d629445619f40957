{{ config(schema='customer') }}
-- Grain: one row per customer with a purchase in the 12 months to as_of: recency, frequency and monetary quintiles.
-- The score is 1 plus the number of fifths of all these customers who are strictly worse, so equal values share one score
-- and nobody is moved by the order of a tie.
with

customers as (
    select
        customer_orders.customer_id,
        customer_orders.recent_orders as frequency,
        customer_orders.recent_revenue as monetary,
        cast({{ seconds_between('customer_orders.recent_last_order_at', 'clock.as_of') }} as double)
        / 86400 as recency_days
    from {{ ref('customer_orders') }} as customer_orders
    cross join {{ ref('run_clock') }} as clock
    where customer_orders.recent_orders > 0
),

ranked as (
    select
        customer_id,
        recency_days,
        frequency,
        monetary,
        count(*) over () as people,
        rank() over (order by recency_days desc) - 1 as less_recent,
        rank() over (order by frequency) - 1 as less_frequent,
        rank() over (order by monetary) - 1 as less_monetary
    from customers
),

final as (
    select
        customer_id,
        recency_days,
        frequency,
        monetary,
        people,
        cast(1 + floor(5.0 * less_recent / people) as integer) as recency_score,
        cast(1 + floor(5.0 * less_frequent / people) as integer) as frequency_score,
        cast(1 + floor(5.0 * less_monetary / people) as integer) as monetary_score
    from ranked
)

select * from final
