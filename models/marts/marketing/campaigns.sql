-- Grain: one row per campaign, as its source has it now.
with

campaigns as (
    select * from {{ ref('stg_campaigns') }}
),

final as (
    select
        campaign_id,
        record_id,
        source,
        brand,
        name,
        kind,
        channel,
        started_at,
        ended_at
    from campaigns
)

select * from final
