-- Grain: one row per month of first purchase and age in months, up to the age of the oldest cohort.
with

months as (
    select * from {{ ref('months') }}
),

customers as (
    select * from {{ ref('customer_months') }}
),

cohorts as (
    select
        cohort_month,
        count(distinct customer_id) as cohort_size
    from customers
    group by cohort_month
),

counted as (
    select
        cohort_month,
        month_start,
        count(*) as active
    from customers
    group by cohort_month, month_start
),

first_month as (
    select min(month_start) as month_start from months
),

ages as (
    select {{ months_apart('first_month.month_start', 'months.month_start') }} as age_months
    from months
    cross join first_month
),

-- the month in which a cohort has an age; one that lies after as_of, or still runs, is not known
aged as (
    select
        cohorts.cohort_month,
        cohorts.cohort_size,
        ages.age_months,
        months.month_start,
        coalesce(months.is_complete, false) as is_mature
    from cohorts
    cross join ages
    left join months on {{ months_apart('cohorts.cohort_month', 'months.month_start') }} = ages.age_months
),

final as (
    select
        aged.cohort_month,
        cast(aged.age_months as integer) as age_months,
        cast(aged.cohort_size as bigint) as cohort_size,
        aged.is_mature,
        case when aged.is_mature then cast(coalesce(counted.active, 0) as bigint) end as active,
        case when aged.is_mature then cast(coalesce(counted.active, 0) as double) / aged.cohort_size end as share
    from aged
    left join counted
        on aged.cohort_month = counted.cohort_month and aged.month_start = counted.month_start
)

select * from final
