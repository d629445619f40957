{{ config(schema='customer') }}
-- Grain: one row per customer with a purchase by as_of: their days of purchase as the models count them, now and one
-- horizon ago. Two orders on one day are one purchase; the first day begins the clock, so repeats is days less one.
with

clock as (
    select
        as_of_on,
        cutoff_on
    from {{ ref('prediction_clock') }}
),

days as (
    select
        customer_id,
        ordered_on,
        -- no rate, no number: a day with an amount that cannot be told has no value
        case when valued = purchases then revenue end as revenue
    from {{ ref('purchase_days_by_now') }}
),

firsts as (
    select
        customer_id,
        min(ordered_on) as first_on
    from days
    group by customer_id
),

dated as (
    select
        days.customer_id,
        days.revenue,
        days.ordered_on > firsts.first_on as is_repeat,
        days.ordered_on <= clock.cutoff_on as is_known,
        firsts.first_on <= clock.cutoff_on as is_known_customer,
        {{ days_between('firsts.first_on', 'days.ordered_on') }} as since_first,
        {{ days_between('firsts.first_on', 'clock.as_of_on') }} as age_days,
        {{ days_between('firsts.first_on', 'clock.cutoff_on') }} as known_age_days
    from days
    inner join firsts on days.customer_id = firsts.customer_id
    cross join clock
),

counted as (
    select
        customer_id,
        {{ bool_or('is_known_customer') }} as is_known_customer,
        count(*) filter (where is_repeat) as repeats,
        max(since_first) as last_days,
        max(age_days) as age_days,
        count(revenue) filter (where is_repeat) as valued_repeats,
        sum(case when is_repeat then revenue end) as repeat_revenue,
        count(*) filter (where is_repeat and is_known) as known_repeats,
        max(case when is_known then since_first end) as known_last_days,
        max(known_age_days) as known_age_days,
        count(revenue) filter (where is_repeat and is_known) as known_valued_repeats,
        sum(case when is_repeat and is_known then revenue end) as known_repeat_revenue,
        count(*) filter (where not is_known) as holdout_orders,
        sum(case when not is_known then revenue end) as holdout_revenue
    from dated
    group by customer_id
),

final as (
    select
        customer_id,
        repeats,
        last_days,
        age_days,
        valued_repeats,
        cast(repeat_revenue as double) / nullif(valued_repeats, 0) as repeat_value,
        case when is_known_customer then known_repeats end as known_repeats,
        case when is_known_customer then known_last_days end as known_last_days,
        case when is_known_customer then known_age_days end as known_age_days,
        case when is_known_customer then known_valued_repeats end as known_valued_repeats,
        case
            when is_known_customer then cast(known_repeat_revenue as double) / nullif(known_valued_repeats, 0)
        end as known_repeat_value,
        holdout_orders,
        cast(coalesce(holdout_revenue, 0) as double) as holdout_revenue
    from counted
)

select * from final
