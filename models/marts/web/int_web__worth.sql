{{ config(schema='customer', materialized='view') }}
-- Grain: one row per web act, with what its amount and its price are worth in the reporting currency at the rate of its day. A tracker
-- that names no currency speaks ours; no rate, no number.
with

actions as (
    select
        *,
        {{ local_date('occurred_at') }} as occurred_on
    from {{ ref('web_actions') }}
),

rated as (
    select
        actions.*,
        cast(
            case
                when coalesce(actions.currency, {{ reporting_currency() }}) = {{ reporting_currency() }} then 1
                else rates.rate
            end as decimal(20, 12)
        ) as rate
    from actions
    left join {{ ref('reporting_rates') }} as rates
        on actions.currency = rates.currency and actions.occurred_on = rates.day
),

final as (
    select
        *,
        {{ at_rate('amount', 'rate') }} as amount_worth,
        {{ at_rate('price', 'rate') }} as price_worth
    from rated
)

select * from final
