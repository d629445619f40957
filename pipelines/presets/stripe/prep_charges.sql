-- Grain: one row per delivered charge, in whole units of its currency.
-- Reads: id, customer, amount, amount_captured, currency, created, status, captured, livemode, billing_details, receipt_email, description, disputed
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'charges') }}
),

final as (
    select
        *,
        {{ epoch_seconds('created') }} as created_time,
        upper(currency) as currency_code,
        -- `customer` is a number, or the whole customer where somebody asked the API to expand it
        coalesce({{ json_value('customer', 'id') }}, customer) as customer_id,
        case
            when lower(captured) = 'true' then {{ minor_units('coalesce(amount_captured, amount)', 'currency') }}
            else {{ minor_units('amount', 'currency') }}
        end as gross_amount,
        case
            when lower(livemode) = 'false' then 'void'
            -- the card's bank has promised the money and nobody has taken it
            when lower(status) = 'succeeded' and lower(captured) = 'false' then 'awaiting_payment'
            else status
        end as charge_status,
        cast(lower(livemode) = 'false' as varchar) as is_test
    from source
)

select * from final
