-- Grain: one row per delivered order, with its goods before discounts, its shipping and its state.
-- Reads: id, name, customer, email, phone, created_at, processed_at, updated_at, cancelled_at, financial_status, fulfillment_status, source_name, location_id, currency, total_line_items_price, total_discounts, total_tax, taxes_included, shipping_lines, test
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'orders') }}
),

measured as (
    select
        *,
        {{ parse_money('total_line_items_price') }} as goods,
        coalesce({{ parse_money('total_tax') }}, 0) as tax,
        {{ json_sum('shipping_lines', '$[*].price') }} as shipping,
        {{ json_sum('shipping_lines', '$[*].tax_lines[*].price') }} as shipping_tax,
        coalesce(lower(taxes_included), 'false') = 'true' as is_tax_inside
    from source
),

final as (
    select
        *,
        -- tax that comes on top of the prices is put inside, with the goods or with the shipping it was raised on
        coalesce(
            cast(case when is_tax_inside then goods else goods + tax - shipping_tax end as varchar), total_line_items_price
        ) as gross_amount,
        coalesce(
            cast(case when is_tax_inside then shipping else shipping + shipping_tax end as varchar), shipping_lines
        ) as shipping_amount,
        case
            when lower(test) = 'true' then 'void'
            when cancelled_at <> '' then 'cancelled'
            else financial_status
        end as order_status
    from measured
)

select * from final
