-- Grain: one row per customer of the audience who has a mail address; exactly the columns the file gets.
with

members as (
    select * from {{ ref('at_risk_high_value') }}
),

customers as (
    select * from {{ ref('customer_360') }}
),

final as (
    select
        members.customer_id,
        customers.email,
        customers.full_name,
        customers.rfm_segment,
        customers.last_order_at,
        customers.revenue,
        members.reason
    from members
    inner join customers on members.customer_id = customers.customer_id
    where customers.email is not null
)

select * from final
