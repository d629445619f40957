{{ config(schema='customer') }}
-- Grain: one row per customer with at least one deal: what customer_360 and accounts show of them.
with

deals as (
    select *
    from {{ ref('deals') }}
    where customer_id is not null
),

final as (
    select
        customer_id,
        count(*) as deals,
        count(*) filter (where outcome = 'open') as open_deals,
        count(*) filter (where outcome = 'won') as won_deals,
        count(*) filter (where outcome = 'lost') as lost_deals,
        count(*) filter (where is_overdue) as overdue_deals,
        cast(
            sum(amount) filter (
                where
                outcome = 'open'
                and coalesce(currency, '{{ env_var("CDP_CURRENCY", "USD") }}') = '{{ env_var("CDP_CURRENCY", "USD") }}'
            ) as decimal(18, 2)
        ) as open_deal_amount,
        min(expected_close_on) as next_close_on,
        max(ended_at) as last_deal_ended_at
    from deals
    group by customer_id
)

select * from final
