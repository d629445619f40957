-- Grain: one row per customer of the simulated company whose latest NPS answer, at most 30 days old, is 6 or less.
with

customers as (
    select * from {{ ref('customer_360') }}
),

clock as (
    select * from {{ ref('run_clock') }}
),

final as (
    select
        customers.customer_id,
        'NPS ' || cast(customers.latest_nps as {{ dbt.type_string() }}) as reason
    from customers
    cross join clock
    where
        customers.latest_nps <= {{ var('nps_detractor_max') }}
        and customers.latest_nps_at >= clock.as_of - interval 30 day
        and customers.phone is not null
)

select * from final
