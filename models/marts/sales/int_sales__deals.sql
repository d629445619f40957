{{ config(schema='customer') }}
-- Grain: one row per deal as its source has it now, with its owner and how it ended.
with

deals as (
    select * from {{ ref('stg_deals') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

declared as (
    select * from {{ ref('config_deal_stages') }}
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

-- `pipeline.stage` of cdp.yml goes before a plain `stage`; what cdp.yml does not name is read by the vendors' words
judged as (
    select
        deals.*,
        owners.customer_id,
        coalesce(own.stage_order, plain.stage_order) as stage_order,
        case
            when deals.is_won or coalesce(own.is_won, plain.is_won, {{ is_won_stage('deals.stage') }}) then 'won'
            when coalesce(own.is_lost, plain.is_lost, {{ is_lost_stage('deals.stage') }}) then 'lost'
            else 'open'
        end as outcome,
        changes.changes,
        changes.last_change_at
    from deals
    left join owners on deals.node_id = owners.node_id
    left join changes on deals.source = changes.source and deals.deal_id = changes.deal_id
    left join declared as own on deals.stage = own.stage and deals.pipeline = own.pipeline
    left join declared as plain on deals.stage = plain.stage and plain.pipeline is null
),

final as (
    select
        deal_id,
        record_id,
        source,
        brand,
        customer_id,
        name,
        pipeline,
        stage,
        stage_order,
        amount,
        currency,
        coalesce(currency, '{{ env_var("CDP_CURRENCY", "USD") }}') = '{{ env_var("CDP_CURRENCY", "USD") }}'
            as is_reporting_currency,
        owner,
        created_at,
        closed_at,
        is_won,
        outcome,
        case
            when outcome <> 'open' then coalesce(closed_at, last_change_at, record_updated_at)
        end as ended_at,
        changes,
        last_change_at
    from judged
)

select * from final
