-- Grain: one row per delivered subscription, with the price of its first item for one period.
-- Reads: id, customer, currency, created, start_date, ended_at, status, livemode, items
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'subscriptions') }}
),

priced as (
    select
        *,
        coalesce({{ json_value('items', 'data[0].price.unit_amount') }}, {{ json_value('items', 'data[0].plan.amount') }})
            as unit_amount,
        coalesce(
            {{ json_value('items', 'data[0].price.recurring.interval') }}, {{ json_value('items', 'data[0].plan.interval') }}
        ) as billing_interval,
        coalesce(
            {{ json_value('items', 'data[0].price.recurring.interval_count') }},
            {{ json_value('items', 'data[0].plan.interval_count') }}
        ) as billing_count,
        coalesce({{ try_to(json_value('items', 'data[0].quantity'), 'bigint') }}, 1) as units
    from source
),

final as (
    select
        *,
        {{ epoch_seconds('coalesce(start_date, created)') }} as started_time,
        {{ epoch_seconds('ended_at') }} as ended_time,
        upper(currency) as currency_code,
        coalesce({{ json_value('customer', 'id') }}, customer) as customer_id,
        {{ minor_units('cast(' ~ try_to('unit_amount', 'bigint') ~ ' * units as varchar)', 'currency') }} as price_amount,
        case when lower(livemode) = 'false' then 'inactive' else status end as subscription_status,
        cast(lower(livemode) = 'false' as varchar) as is_test
    from priced
)

select * from final
