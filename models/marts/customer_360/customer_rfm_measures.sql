{{ config(schema='customer') }}
-- Grain: one row per customer with a purchase in the RFM window: recency, frequency and monetary value.
-- The window opens window_months before the thresholds were computed, and recency is counted to that moment: between two
-- computations nobody's measures change by the calendar alone, only by what they buy.
{% set stored = stored_rfm_thresholds() %}
with

clock as (
    select as_of from {{ ref('run_clock') }}
),

settings as (
    select rfm_window_months as window_months from {{ ref('config_commerce') }}
),

stored as (
    {% if stored %}
    select
        month_start,
        window_months,
        max(computed_at) as computed_at
    from {{ stored }}
    where computed_at is not null
    group by month_start, window_months
    {% else %}
    select
        cast(null as date) as month_start,
        cast(null as {{ sql_type('int') }}) as window_months,
        cast(null as timestamp) as computed_at
    where false
    {% endif %}
),

-- thresholds of this month serve; in a new month, or for another window, they are computed anew
computation as (
    select
        clock.as_of,
        {{ local_month('clock.as_of') }} as month_start,
        settings.window_months,
        coalesce(stored.computed_at, clock.as_of) as computed_at,
        stored.computed_at is null as is_new
    from clock
    cross join settings
    left join stored
        on
            {{ local_month('clock.as_of') }} = stored.month_start
            and settings.window_months = stored.window_months
),

orders as (
    select
        customer_id,
        ordered_at,
        ordered_on,
        revenue
    from {{ ref('orders') }}
    where is_purchase and customer_id is not null
),

measured as (
    select
        orders.customer_id,
        min(computation.month_start) as month_start,
        min(computation.window_months) as window_months,
        min(computation.computed_at) as computed_at,
        min(computation.as_of) as as_of,
        min(cast(computation.is_new as {{ sql_type('int') }})) = 1 as is_new,
        max(orders.ordered_on) as last_order_on,
        count(*) as frequency,
        -- purchases without a rate are worth something, though nobody knows what: no sum rather than a part of it
        case when count(orders.revenue) = count(*) then sum(orders.revenue) end as monetary
    from orders
    cross join computation
    where
        orders.ordered_at > {{ time_before('computation.computed_at', 'computation.window_months', 'months') }}
        and orders.ordered_at <= computation.as_of
    group by orders.customer_id
),

final as (
    select
        *,
        {{ days_between('last_order_on', local_date('computed_at')) }} as recency_days
    from measured
)

select * from final
