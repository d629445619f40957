{{ config(materialized='view') }}
-- Grain: one row per survey that a sync has sent to somebody: an accepted delivery for a purpose that is a survey's, whatever the sync.
-- Dated by the clock of its run, as `trigger_memory` is. What got no answer is not in it: it goes again as itself and must not wait for
-- itself. A view: what one sync of a run has sent counts for the next one of the same run.
with

purposes as (
    select asks.name as purpose
    from {{ ref('config_send_rules') }} as asks
    left join {{ ref('config_send_rules') }} as lists on asks.name = lists.name and lists.kind = 'list'
    where asks.kind = 'cooldown' and lists.name is null
),

asking as (
    select distinct
        sent.sync,
        sent.run_id
    from {{ source('exports_log', 'runs') }} as sent
    inner join purposes on sent.purpose = purposes.purpose
),

final as (
    select
        coalesce(redirects.new_customer_id, deliveries.customer_id) as customer_id,
        deliveries.sync,
        deliveries.key,
        {{ plus_seconds(
            'deliveries.sent_at',
            'cast(coalesce(' ~ seconds_between('runs.started_at', 'runs.as_of') ~ ', 0) as bigint)',
        ) }} as sent_at
    from {{ source('exports_log', 'deliveries') }} as deliveries
    inner join asking on deliveries.sync = asking.sync and deliveries.run_id = asking.run_id
    left join {{ source('ops_log', 'runs') }} as runs on deliveries.run_id = runs.run_id
    left join {{ ref('customer_redirects') }} as redirects on deliveries.customer_id = redirects.old_customer_id
    where deliveries.operation = 'upsert' and deliveries.status in ('acked', 'unknown')
)

select * from final
