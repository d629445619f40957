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

costs as (
    select *
    from {{ ref('int_marketing__costs') }}
    where is_total
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
        {{ campaign_costs('results', 'costs') }}
    from joined
    left join results on joined.source = results.source and joined.campaign_id = results.campaign_id
    left join costs on joined.source = costs.source and joined.campaign_id = costs.campaign_id
)

select * from final
