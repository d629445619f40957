-- Grain: one row per delivered refund, in whole units of its currency.
-- Reads: id, charge, amount, currency, created, status, reason
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'refunds') }}
),

final as (
    select
        *,
        {{ epoch_seconds('created') }} as created_time,
        upper(currency) as currency_code,
        {{ minor_units('amount', 'currency') }} as refunded_amount,
        -- a refund that failed or was called off gave nothing back
        cast(lower(status) in ('failed', 'canceled') as varchar) as is_not_paid
    from source
)

select * from final
