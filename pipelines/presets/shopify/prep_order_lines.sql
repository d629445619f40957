-- Grain: one row per delivered order line, with its amount before discounts and all discounts that fell on it.
-- Reads: id, order_id, product_id, variant_id, sku, title, quantity, price, discount_allocations, tax_lines, taxes_included
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'order_lines') }}
),

measured as (
    select
        *,
        cast({{ parse_money('price') }} * {{ try_to('quantity', 'integer') }} as decimal(18, 2)) as goods,
        {{ json_sum('tax_lines', '$[*].price') }} as tax,
        -- total_discount leaves out discounts on the whole order; the allocations have both
        {{ json_sum('discount_allocations', '$[*].amount') }} as discount,
        coalesce(lower(taxes_included), 'false') = 'true' as is_tax_inside
    from source
),

final as (
    select
        *,
        coalesce(cast(case when is_tax_inside then goods else goods + tax end as varchar), price) as gross_amount,
        coalesce(cast(discount as varchar), discount_allocations) as discount_amount
    from measured
)

select * from final
