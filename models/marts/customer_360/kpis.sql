-- Grain: one row per calendar month (reporting zone) from the first purchase to as_of.
-- Lost and reactivated use one rule: three calendar months without a purchase.
{% set lapse = var('lapse_months', 3) %}
with

months as (
    select * from {{ ref('months') }}
),

customers as (
    select * from {{ ref('customer_months') }}
),

sales as (
    select
        {{ local_month('ordered_at') }} as month_start,
        count(*) as orders,
        sum(revenue) as revenue,
        count(*) filter (where revenue is null) as orders_without_revenue
    from {{ ref('orders') }}
    cross join {{ ref('run_clock') }} as clock
    where is_purchase and ordered_at <= clock.as_of
    group by {{ local_month('ordered_at') }}
),

active as (
    select
        month_start,
        count(*) as active_customers,
        count(*) filter (where previous_month is null) as new_customers,
        count(*) filter (where {{ months_apart('previous_month', 'month_start') }} > {{ lapse }}) as reactivated,
        count(*) filter (where previous_month is not null or purchases > 1) as repeat_customers,
        sum(purchases) as known_orders,
        sum(revenue) as known_revenue
    from customers
    group by month_start
),

-- bought {{ lapse }} months before this one, and not since
gone as (
    select
        months.month_start,
        count(*) as at_stake,
        count(*) filter (where customers.next_month is null or customers.next_month > months.month_start) as lost
    from months
    inner join customers on {{ months_apart('customers.month_start', 'months.month_start') }} = {{ lapse }}
    group by months.month_start
),

-- dormant: from the fourth month after a month of purchase up to, and with, the month of the next one
changes as (
    select
        cast(month_start + interval {{ lapse | int + 1 }} month as date) as from_month,
        1 as change
    from customers
    where next_month is null or {{ months_apart('month_start', 'next_month') }} > {{ lapse }}
    union all
    select
        cast(next_month + interval 1 month as date) as from_month,
        -1 as change
    from customers
    where {{ months_apart('month_start', 'next_month') }} > {{ lapse }}
),

monthly_changes as (
    select
        from_month,
        sum(change) as change
    from changes
    group by from_month
),

dormant as (
    select
        months.month_start,
        sum(monthly_changes.change) as dormant
    from months
    inner join monthly_changes on months.month_start >= monthly_changes.from_month
    group by months.month_start
),

visits as (
    select
        cast(date_trunc('month', started_on) as date) as month_start,
        count(*) as sessions,
        count(*) filter (where has_purchase) as converted
    from {{ ref('sessions') }}
    cross join {{ ref('run_clock') }} as clock
    where not is_bot and started_at <= clock.as_of
    group by cast(date_trunc('month', started_on) as date)
),

final as (
    select
        months.month_start,
        months.is_complete,
        cast(coalesce(active.active_customers, 0) as bigint) as active_customers,
        cast(coalesce(active.new_customers, 0) as bigint) as new_customers,
        cast(coalesce(active.reactivated, 0) as bigint) as reactivated,
        -- a running month cannot say yet who will not come
        case when months.is_complete then cast(coalesce(gone.lost, 0) as bigint) end as lost,
        cast(coalesce(gone.at_stake, 0) as bigint) as at_stake,
        cast(coalesce(dormant.dormant, 0) as bigint) as dormant,
        cast(coalesce(active.repeat_customers, 0) as bigint) as repeat_customers,
        cast(coalesce(sales.orders, 0) as bigint) as orders,
        cast(coalesce(active.known_orders, 0) as bigint) as known_orders,
        cast(coalesce(sales.revenue, 0) as decimal(18, 2)) as revenue,
        cast(coalesce(active.known_revenue, 0) as decimal(18, 2)) as known_revenue,
        cast(active.known_revenue / active.active_customers as decimal(18, 2)) as revenue_per_active,
        cast(active.repeat_customers as double) / active.active_customers as repeat_rate,
        case when months.is_complete then cast(gone.lost as double) / gone.at_stake end as lost_rate,
        cast(coalesce(active.reactivated, 0) as double) / nullif(dormant.dormant, 0) as reactivation_rate,
        cast(coalesce(sales.orders_without_revenue, 0) as bigint) as orders_without_revenue,
        -- without a session of anybody in the month there is nothing to convert: no figure rather than zero
        cast(visits.sessions as bigint) as sessions,
        cast(visits.converted as bigint) as converted_sessions,
        cast(visits.converted as double) / visits.sessions as conversion
    from months
    left join active on months.month_start = active.month_start
    left join gone on months.month_start = gone.month_start
    left join dormant on months.month_start = dormant.month_start
    left join sales on months.month_start = sales.month_start
    left join visits on months.month_start = visits.month_start
)

select * from final
