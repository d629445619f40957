-- Grain: one row per calendar month (reporting zone): what was spent on marketing and how many customers it brought.
-- Over all channels; by channel and campaign: acquisition_costs_by_channel.
with

months as (
    select * from {{ ref('kpis') }}
),

spends as (
    select
        month_start,
        count(*) as spend_rows,
        -- a sum with a gap is no sum
        case when count(cost) = count(*) then sum(cost) end as cost
    from {{ ref('int_marketing__spends') }}
    group by month_start
),

final as (
    select
        months.month_start,
        months.is_complete,
        coalesce(spends.spend_rows, 0) as spend_rows,
        -- no row of spend is no knowledge of spend, not a month for nothing
        cast(spends.cost as decimal(18, 2)) as spend,
        months.new_customers,
        cast(spends.cost / nullif(months.new_customers, 0) as decimal(18, 2)) as cost_per_new_customer
    from months
    left join spends on months.month_start = spends.month_start
)

select * from final
