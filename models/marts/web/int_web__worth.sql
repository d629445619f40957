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
        case when rate = 1 then amount else cast(amount * rate as decimal(18, 2)) end as amount_worth,
        case when rate = 1 then price else cast(price * rate as decimal(18, 2)) end as price_worth
    from rated
)

select * from final
