{{ config(schema='customer') }}
-- Grain: one row per moment (now, and health.horizon_days before) and customer with a purchase by then: how often they buy.
-- The rhythm is the median number of days between days of purchase: their own, or that of the median customer who came back.
-- Two moments, because the health score is tested on what was known then; both are counted by the same lines.
with

settings as (
    select * from {{ ref('config_commerce') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

moments as (
    select
        'now' as moment,
        as_of
    from clock
    union all
    select
        'before' as moment,
        {{ time_before('clock.as_of', 'settings.health_horizon_days', 'days') }} as as_of
    from clock
    cross join settings
),

days as (
    select * from {{ ref('purchase_days') }}
),

-- the last day of purchase by a moment is the one whose next one comes after it
placed as (
    select
        moments.moment,
        moments.as_of,
        days.customer_id,
        days.ordered_on,
        days.gap_days,
        days.next_ordered_at is null or days.next_ordered_at > moments.as_of as is_last
    from days
    inner join moments on days.ordered_at <= moments.as_of
),

customers as (
    select
        moment,
        customer_id,
        min(as_of) as as_of,
        count(*) as purchase_days,
        min(ordered_on) as first_purchase_on,
        max(ordered_on) as last_purchase_on,
        max(case when is_last then gap_days end) as last_gap_days,
        cast(median(gap_days) as double) as own_rhythm_days,
        cast(median(case when not is_last then gap_days end) as double) as rhythm_before_days
    from placed
    group by moment, customer_id
),

population as (
    select
        moment,
        cast(median(own_rhythm_days) as double) as rhythm_days,
        count(own_rhythm_days) as customers
    from customers
    group by moment
),

chosen as (
    select
        customers.*,
        population.rhythm_days as population_rhythm_days,
        population.customers as population_customers,
        settings.lifecycle_min_rhythm_days as floor_days,
        customers.purchase_days >= settings.lifecycle_own_rhythm_from as is_own,
        case
            when customers.purchase_days >= settings.lifecycle_own_rhythm_from then customers.own_rhythm_days
            else population.rhythm_days
        end as rhythm_days,
        case
            when customers.purchase_days - 1 >= settings.lifecycle_own_rhythm_from then customers.rhythm_before_days
            else population.rhythm_days
        end as former_rhythm_days
    from customers
    inner join population on customers.moment = population.moment
    cross join settings
),

final as (
    select
        moment,
        customer_id,
        as_of,
        purchase_days,
        first_purchase_on,
        last_purchase_on,
        {{ days_between('last_purchase_on', local_date('as_of')) }} as days_since_last,
        last_gap_days,
        own_rhythm_days,
        population_rhythm_days,
        population_customers,
        is_own,
        case when rhythm_days is not null then greatest(rhythm_days, floor_days) end as rhythm_days,
        case when former_rhythm_days is not null then greatest(former_rhythm_days, floor_days) end as former_rhythm_days
    from chosen
)

select * from final
