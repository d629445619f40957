-- Grain: one row per customer with a purchase: health from 0 to 100, its components, and whether it was ever right.
with

components as (
    select * from {{ ref('customer_health_components') }}
    where moment = 'now'
),

validation as (
    select * from {{ ref('health_validation') }}
),

final as (
    select
        components.customer_id,
        cast(components.health as double) as health,
        cast(components.recency as double) as recency_points,
        cast(components.scores as double) as score_points,
        cast(components.tickets as double) as ticket_points,
        cast(components.sessions as double) as session_points,
        components.weight_known,
        validation.is_validated,
        validation.unvalidated_because,
        validation.auc,
        validation.auc_low,
        validation.auc_high,
        validation.n as auc_n
    from components
    cross join validation
)

select * from final
