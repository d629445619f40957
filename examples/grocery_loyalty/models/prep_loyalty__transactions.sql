-- Grain: one row per delivered transaction line, with its amounts before, of and after the shop's discounts.
--
-- `sales_value` is what the retailer receives. The loyalty-card discount and the retailer's own match of a
-- coupon came off the shelf price before it; a manufacturer's coupon did not (the maker refunds the shop).
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_loyalty', 'transactions') }}
),

-- through double: the file holds 20 zeros as 8.881784e-16 and the like, which DuckDB 1.5 reads straight from
-- text as 0.01
measured as (
    select
        *,
        try_cast(try_cast(sales_value as double) as decimal(18, 2)) as net,
        try_cast(try_cast(retail_disc as double) as decimal(18, 2)) as card_discount,
        try_cast(try_cast(coupon_match_disc as double) as decimal(18, 2)) as match_discount
    from source
),

final as (
    select
        *,
        -- an amount that is no number goes on as delivered, so that staging quarantines the row
        coalesce(cast(net as varchar), sales_value) as net_amount,
        cast(card_discount + match_discount as varchar) as discount_amount,
        cast(net + card_discount + match_discount as varchar) as gross_amount
    from measured
)

select * from final
