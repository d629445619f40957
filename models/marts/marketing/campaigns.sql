-- Grain: one row per campaign: one its source lists, or one that messages name.
with

listed as (
    select
        *,
        -- a list with a row per variant, or two tables of a source, name a campaign more than once
        row_number() over (
            partition by source, campaign_id
            order by record_updated_at desc nulls last, load_seq desc, record_id desc
        ) as age
    from {{ ref('stg_campaigns') }}
),

results as (
    select *
    from {{ ref('int_marketing__results') }}
    where is_total
),

joined as (
    select
        coalesce(listed.source, results.source) as source,
        coalesce(listed.campaign_id, results.campaign_id) as campaign_id,
        listed.record_id,
        listed.brand,
        listed.name,
        listed.kind,
        coalesce(listed.channel, results.channel) as channel,
        coalesce(listed.started_at, results.first_sent_at) as started_at,
        listed.ended_at
    from listed
    full outer join results on listed.source = results.source and listed.campaign_id = results.campaign_id
    where coalesce(listed.age, 1) = 1
),

named as (
    select
        campaign_id,
        count(*) as campaigns
    from joined
    group by campaign_id
),

-- Money spent on a campaign is often told by another source: its number is then enough where only one campaign has it.
costs as (
    select
        joined.source,
        joined.campaign_id,
        count(*) as spend_rows,
        sum(spends.amount) as amount,
        -- amounts of another currency are not added to ours; a part of the cost is not the cost
        bool_and(
            coalesce(spends.currency, '{{ env_var("CDP_CURRENCY", "USD") }}') = '{{ env_var("CDP_CURRENCY", "USD") }}'
        ) as is_valued
    from {{ ref('stg_spends') }} as spends
    inner join joined on spends.campaign_id = joined.campaign_id
    inner join named on spends.campaign_id = named.campaign_id
    where spends.source = joined.source or named.campaigns = 1
    group by joined.source, joined.campaign_id
),

final as (
    select
        joined.source || ':' || joined.campaign_id as campaign_key,
        joined.campaign_id,
        joined.record_id,
        joined.source,
        joined.brand,
        joined.name,
        joined.kind,
        joined.channel,
        joined.started_at,
        joined.ended_at,
        {{ campaign_figures('results') }},
        cast(case when costs.is_valued then costs.amount end as decimal(18, 2)) as cost,
        cast(case when costs.is_valued then costs.amount / nullif(results.converted, 0) end as decimal(18, 2))
            as cost_per_conversion,
        cast(case when costs.is_valued then costs.amount / nullif(results.new_customers, 0) end as decimal(18, 2))
            as cost_per_new_customer,
        cast(case when costs.is_valued then coalesce(results.revenue, 0) / nullif(costs.amount, 0) end as double)
            as revenue_per_cost
    from joined
    left join results on joined.source = results.source and joined.campaign_id = results.campaign_id
    left join costs on joined.source = costs.source and joined.campaign_id = costs.campaign_id
)

select * from final
