-- Grain: one row per delivered refund, with the money that went back.
-- Reads: id, order_id, created_at, processed_at, note, transactions
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'refunds') }}
),

-- of the payments inside only those that did give money back
paid as (
    select
        *,
        {{ json_where('transactions', {'kind': 'refund', 'status': 'success'}) }} as paid_back
    from source
),

final as (
    select
        *,
        -- a refund that only restocks gives back 0
        coalesce(cast({{ json_sum('paid_back', '$[*].amount') }} as varchar), transactions) as refunded_amount
    from paid
)

select * from final
