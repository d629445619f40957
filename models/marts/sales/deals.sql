-- Grain: one row per deal, as its source has it now.
-- A plain table: a deal moves with its own record and with its stage changes, which have no owner to be touched by.
with

deals as (
    select * from {{ ref('stg_deals') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

changes as (
    select
        source,
        subject_id as deal_id,
        count(*) as changes,
        max(changed_at) as last_change_at
    from {{ ref('stg_stage_changes') }}
    where subject_type = 'deal'
    group by source, subject_id
),

final as (
    select
        deals.deal_id,
        deals.record_id,
        deals.source,
        deals.brand,
        owners.customer_id,
        deals.name,
        deals.pipeline,
        deals.stage,
        deals.amount,
        deals.currency,
        deals.owner,
        deals.created_at,
        deals.closed_at,
        deals.is_won,
        changes.last_change_at,
        changes.changes
    from deals
    left join owners on deals.node_id = owners.node_id
    left join changes on deals.source = changes.source and deals.deal_id = changes.deal_id
)

select * from final
