{{ config(materialized='view') }}
-- Grain: one row per entry of a triggered message that earlier builds made, with when a destination accepted it.
-- Deliveries are dated by the clock of their run, so that a pinned clock and a real one mean the same; what was sent after as_of has not
-- happened yet. A view: who builds a part of the models must not judge by an older memory.
with

memory as (
    {{ trigger_memory() }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

accepted as (
    select
        deliveries.key as entry_id,
        min(
            {{ plus_seconds(
                'deliveries.sent_at',
                'cast(coalesce(' ~ seconds_between('runs.started_at', 'runs.as_of') ~ ', 0) as bigint)',
            ) }}
        ) as sent_at
    from {{ source('exports_log', 'deliveries') }} as deliveries
    left join {{ source('ops_log', 'runs') }} as runs on deliveries.run_id = runs.run_id
    where
        deliveries.operation <> 'remove'
        and deliveries.status = 'acked'
        and deliveries.key in (select entry_id from memory)
    group by deliveries.key
),

final as (
    select
        memory.entry_id,
        memory.trigger_name,
        memory.kind,
        memory.step_no,
        memory.step,
        coalesce(redirects.new_customer_id, memory.customer_id) as customer_id,
        memory.subject_id,
        memory.subject_at,
        memory.waits_from,
        memory.parent_entry_id,
        memory.code,
        memory.discount_percent,
        memory.products,
        memory.amount,
        memory.order_id,
        memory.ticket_id,
        memory.brand,
        memory.channel,
        memory.survey,
        memory.touchpoint,
        memory.answers_in,
        memory.entered_at,
        memory.entry_seq,
        memory.run_id,
        case when accepted.sent_at <= clock.as_of then accepted.sent_at end as sent_at
    from memory
    cross join clock
    left join {{ ref('customer_redirects') }} as redirects on memory.customer_id = redirects.old_customer_id
    left join accepted on memory.entry_id = accepted.entry_id
)

select * from final
