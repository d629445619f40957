-- Grain: one row per delivered checkout, with its goods before discounts.
-- Reads: id, customer, email, phone, created_at, updated_at, completed_at, currency, total_line_items_price, total_discounts, total_tax, taxes_included, abandoned_checkout_url
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'abandoned_checkouts') }}
),

measured as (
    select
        *,
        {{ parse_money('total_line_items_price') }} as goods,
        coalesce({{ parse_money('total_tax') }}, 0) as tax,
        coalesce(lower(taxes_included), 'false') = 'true' as is_tax_inside
    from source
),

final as (
    select
        *,
        -- checkouts are counted apart from orders, and one number may be both
        'checkout_' || id as checkout_number,
        coalesce(cast(case when is_tax_inside then goods else goods + tax end as varchar), total_line_items_price)
            as gross_amount
    from measured
)

select * from final
