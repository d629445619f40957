{{ config(schema='customer') }}
-- Grain: one row per campaign and variant that spend names, and one for all that was spent on a campaign (is_total).
with

spends as (
    select * from {{ ref('int_marketing__spends') }}
),

campaigns as (
    select
        source,
        campaign_id
    from {{ ref('stg_campaigns') }}
    where campaign_id is not null
    union
    select
        source,
        campaign_id
    from {{ ref('int_marketing__results') }}
),

named as (
    select
        campaign_id,
        count(*) as campaigns
    from campaigns
    group by campaign_id
),

-- Money spent on a campaign is often told by another source: its number is then enough where only one campaign has it.
owned as (
    select
        campaigns.source,
        campaigns.campaign_id,
        spends.variant,
        spends.cost
    from spends
    inner join campaigns on spends.campaign_id = campaigns.campaign_id
    inner join named on spends.campaign_id = named.campaign_id
    where spends.source = campaigns.source or named.campaigns = 1
),

summed as (
    select
        source,
        campaign_id,
        variant,
        grouping(variant) = 1 as is_total,
        count(*) as spend_rows,
        -- a part of the cost is not the cost
        cast(case when count(cost) = count(*) then sum(cost) end as decimal(18, 2)) as cost
    from owned
    group by grouping sets ((source, campaign_id, variant), (source, campaign_id))
),

final as (
    select *
    from summed
    where is_total or variant is not null
)

select * from final
