-- Grain: one row per deal and entry into a stage, in order.
-- A plain table: stage changes have no owner to be touched by.
with

deals as (
    select * from {{ ref('int_sales__deals') }}
),

declared as (
    select * from {{ ref('config_deal_stages') }}
),

logged as (
    select
        deals.record_id,
        changes.stage,
        changes.changed_at as entered_at,
        row_number() over (
            partition by deals.record_id order by changes.changed_at, changes.record_id
        ) as place,
        'log' as basis
    from {{ ref('stg_stage_changes') }} as changes
    inner join deals on changes.source = deals.source and changes.subject_id = deals.deal_id
    where changes.subject_type = 'deal'
),

-- the log of the source speaks; its versions only of deals it has not logged
seen as (
    select
        record_id,
        stage,
        changed_at as entered_at,
        state_no as place,
        basis
    from {{ ref('int_sales__deal_states') }}
    where record_id not in (select record_id from logged)
),

united as (
    select * from logged
    union all
    select * from seen
),

followed as (
    select
        *,
        lag(place) over (partition by record_id order by place) as previous_place,
        lag(stage) over (partition by record_id order by place) as previous_stage
    from united
    where stage is not null
),

entries as (
    select
        record_id,
        stage,
        entered_at,
        basis,
        row_number() over (partition by record_id order by place) as entry_no,
        row_number() over (partition by record_id, stage order by place) as visit_no,
        lead(entered_at) over (partition by record_id order by place) as left_at,
        lead(stage) over (partition by record_id order by place) as next_stage
    from followed
    where previous_place is null or stage <> previous_stage
),

final as (
    select
        entries.record_id || '#' || cast(entries.entry_no as {{ sql_type('string') }}) as deal_stage_id,
        entries.record_id,
        deals.source,
        deals.deal_id,
        deals.customer_id,
        deals.pipeline,
        entries.stage,
        coalesce(own.stage_order, plain.stage_order) as stage_order,
        coalesce(own.is_won, plain.is_won, {{ is_won_stage('entries.stage') }}) as is_won_stage,
        coalesce(own.is_lost, plain.is_lost, {{ is_lost_stage('entries.stage') }}) as is_lost_stage,
        entries.entry_no,
        entries.visit_no,
        entries.entered_at,
        entries.left_at,
        entries.next_stage,
        entries.next_stage is null as is_last,
        cast({{ seconds_between('entries.entered_at', 'entries.left_at') }} / 86400 as double) as days_in_stage,
        entries.basis
    from entries
    inner join deals on entries.record_id = deals.record_id
    left join declared as own on entries.stage = own.stage and deals.pipeline = own.pipeline
    left join declared as plain on entries.stage = plain.stage and plain.pipeline is null
)

select * from final
