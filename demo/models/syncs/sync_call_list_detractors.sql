-- Grain: one row per detractor to call; exactly the columns the call list gets.
with

members as (
    select * from {{ ref('detractors_to_call') }}
),

customers as (
    select * from {{ ref('customer_360') }}
),

final as (
    select
        members.customer_id,
        customers.phone,
        customers.full_name,
        customers.latest_nps,
        customers.latest_nps_at,
        members.reason
    from members
    inner join customers on members.customer_id = customers.customer_id
)

select * from final
