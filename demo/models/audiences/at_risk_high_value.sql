-- Grain: one row per customer of the simulated company who spent much, often, and has stayed away.
with

customers as (
    select * from {{ ref('customer_360') }}
),

final as (
    select
        customer_id,
        'recency ' || cast(rfm_recency_score as {{ dbt.type_string() }})
        || ', frequency ' || cast(rfm_frequency_score as {{ dbt.type_string() }})
        || ', monetary ' || cast(rfm_monetary_score as {{ dbt.type_string() }}) as reason
    from customers
    where
        rfm_recency_score <= 2
        and rfm_frequency_score >= 3
        and rfm_monetary_score >= 4
)

select * from final
