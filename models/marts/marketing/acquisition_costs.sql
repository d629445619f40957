-- Grain: one row per calendar month (reporting zone): what was spent on marketing and how many customers it brought.
-- Over all channels: which of them brought a customer is for marts.attribution to say.
with

months as (
    select * from {{ ref('kpis') }}
),

spends as (
    select
        cast(date_trunc('month', spent_on) as date) as month_start,
        count(*) as spend_rows,
        sum(amount) as amount,
        bool_and(
            coalesce(currency, '{{ env_var("CDP_CURRENCY", "USD") }}') = '{{ env_var("CDP_CURRENCY", "USD") }}'
        ) as is_valued
    from {{ ref('stg_spends') }}
    group by cast(date_trunc('month', spent_on) as date)
),

final as (
    select
        months.month_start,
        months.is_complete,
        coalesce(spends.spend_rows, 0) as spend_rows,
        -- no row of spend is no knowledge of spend, not a month for nothing
        cast(case when spends.is_valued then spends.amount end as decimal(18, 2)) as spend,
        months.new_customers,
        cast(case when spends.is_valued then spends.amount / nullif(months.new_customers, 0) end as decimal(18, 2))
            as cost_per_new_customer
    from months
    left join spends on months.month_start = spends.month_start
)

select * from final
