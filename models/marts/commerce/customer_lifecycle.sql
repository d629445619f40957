-- Grain: one row per customer with a purchase: where they stand by their own rhythm.
-- overdue = days since the last purchase as a multiple of the rhythm; the limits are lifecycle settings of cdp.yml.
with

settings as (
    select * from {{ ref('config_commerce') }}
),

rhythms as (
    select
        *,
        days_since_last / rhythm_days as overdue
    from {{ ref('customer_rhythms') }}
    where moment = 'now'
),

final as (
    select
        rhythms.customer_id,
        case
            -- nobody has ever come back: what is late cannot be said
            when rhythms.rhythm_days is null then null
            when rhythms.overdue > settings.lifecycle_lost_after then 'lost'
            when rhythms.overdue > settings.lifecycle_at_risk_after then 'at_risk'
            when rhythms.overdue > settings.lifecycle_cooling_after then 'cooling'
            when rhythms.purchase_days = 1 then 'new'
            -- before the latest purchase they had been lost by the rhythm they had then
            when rhythms.last_gap_days > settings.lifecycle_lost_after * rhythms.former_rhythm_days then 'won_back'
            else 'active'
        end as lifecycle,
        cast(rhythms.purchase_days as bigint) as purchase_days,
        rhythms.first_purchase_on,
        rhythms.last_purchase_on,
        cast(rhythms.days_since_last as bigint) as days_since_last,
        rhythms.rhythm_days,
        case
            when rhythms.rhythm_days is null then null
            when rhythms.is_own then 'own'
            else 'population'
        end as rhythm_from,
        rhythms.own_rhythm_days,
        rhythms.population_rhythm_days,
        cast(rhythms.population_customers as bigint) as population_customers,
        rhythms.overdue,
        cast(rhythms.last_gap_days as bigint) as last_gap_days,
        {{ days_later('rhythms.last_purchase_on', 'round(rhythms.rhythm_days)') }} as expected_on
    from rhythms
    cross join settings
)

select * from final
