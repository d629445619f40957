-- Grain: one row per delivered redemption, with the unique number the file itself does not have.
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_loyalty', 'coupon_redemptions') }}
),

-- the four columns together are unique: 13 redemptions differ from another in the campaign only
final as (
    select
        *,
        household_id || '-' || campaign_id || '-' || coupon_upc || '-' || substr(redemption_date, 1, 10)
            as message_id
    from source
)

select * from final
