-- Grain: one row per contact record of the CRM with something to say about it. Null = leave alone (docs/triggers.md).
with

corrections as (
    select * from {{ ref('contact_corrections') }}
    where source = 'crm' and source_table = 'contacts'
),

customers as (
    select * from {{ ref('customer_360') }}
),

final as (
    select
        corrections.record_id,
        corrections.record_key as crm_id,
        corrections.customer_id,
        corrections.email,
        corrections.phone,
        customers.health,
        customers.lifecycle,
        customers.rfm_segment
    from corrections
    inner join customers on corrections.customer_id = customers.customer_id
    where
        coalesce(corrections.email, corrections.phone, customers.rfm_segment) is not null
        or customers.health is not null
)

select * from final
