{{ config(schema='customer') }}
-- Grain: one row per subscription of contract_spells: what is paid in a period, in the reporting currency, and when the next
-- payment falls due, now and one horizon ago. Payments are due a period after the other from the start on.
with

clock as (
    select
        as_of,
        as_of_on,
        cutoff_on
    from {{ ref('prediction_clock') }}
),

subscriptions as (
    select
        subscriptions.record_id,
        owners.customer_id,
        subscriptions.amount,
        subscriptions.currency,
        subscriptions.ended_at,
        clock.as_of,
        clock.as_of_on,
        clock.cutoff_on,
        {{ local_date('subscriptions.started_at') }} as started_on,
        {{ local_date('subscriptions.ended_at') }} as ended_on,
        {{ period_months('subscriptions.billing_period') }}
        * coalesce(subscriptions.billing_periods, 1) as period_months,
        {{ period_days('subscriptions.billing_period') }}
        * coalesce(subscriptions.billing_periods, 1) as period_days
    from {{ ref('stg_subscriptions') }} as subscriptions
    inner join {{ ref('node_customers') }} as owners on subscriptions.node_id = owners.node_id
    cross join clock
    where {{ is_counted_subscription('subscriptions', 'clock.as_of') }}
),

rated as (
    select
        subscriptions.*,
        case
            when coalesce(subscriptions.currency, {{ reporting_currency() }}) = {{ reporting_currency() }} then 1
            else rates.rate
        end as rate,
        case
            when subscriptions.period_months > 0 then subscriptions.period_months
            when subscriptions.period_days > 0 then 0
        end as months,
        case
            when subscriptions.period_months > 0 then 0
            when subscriptions.period_days > 0 then subscriptions.period_days
        end as days
    from subscriptions
    left join {{ ref('reporting_rates') }} as rates
        on subscriptions.currency = rates.currency and subscriptions.as_of_on = rates.day
),

final as (
    select
        rated.record_id,
        rated.customer_id,
        spells.started_days as spell_days,
        {{ days_between('rated.started_on', 'rated.as_of_on') }} as started_days,
        coalesce(rated.ended_at > rated.as_of, true) as is_running,
        case
            when rated.ended_at <= rated.as_of then {{ days_between('rated.ended_on', 'rated.as_of_on') }}
        end as ended_days,
        case
            when rated.ended_at > rated.as_of then {{ days_between('rated.as_of_on', 'rated.ended_on') }}
        end as ends_in_days,
        rated.months as period_months,
        rated.days as period_days,
        {{ next_due_days('rated.started_on', 'rated.as_of_on', 'rated.months', 'rated.days') }} as next_due_days,
        case
            when rated.started_on <= rated.cutoff_on
                then {{ next_due_days('rated.started_on', 'rated.cutoff_on', 'rated.months', 'rated.days') }}
        end as known_due_days,
        cast(case when rated.months is not null then rated.amount * rated.rate end as double) as price,
        case
            when rated.amount is null then 'the price of a subscription is not known'
            when rated.months is null then 'the billing period of a subscription is not known'
            when rated.rate is null then 'the currency of a subscription has no rate'
        end as missing_because
    from rated
    inner join {{ ref('contract_spells') }} as spells
        on
            rated.customer_id = spells.customer_id
            and rated.started_on >= spells.started_on
            and rated.started_on <= coalesce(spells.ended_on, rated.started_on)
)

select * from final
