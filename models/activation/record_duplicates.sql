{{ config(schema='marts') }}
-- Grain: one row per contact record that is a further one of its customer within one table of one source, beside the one to keep.
-- The oldest record is kept: other systems point at it. Nothing is merged at the source unless somebody approved this pair.
with

contacts as (
    select
        contacts.record_id,
        contacts.source,
        contacts.source_table,
        contacts.created_at,
        owners.customer_id
    from {{ ref('stg_contacts') }} as contacts
    inner join {{ ref('node_customers') }} as owners on contacts.record_id = owners.node_id
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_id, source, source_table order by created_at nulls last, record_id
        ) as place
    from contacts
),

pairs as (
    select
        'd_' || md5(
            least(kept.record_id, further.record_id) || '|' || greatest(kept.record_id, further.record_id)
        ) as pair_id,
        further.source,
        further.source_table,
        further.customer_id,
        kept.record_id as older_record_id,
        further.record_id as further_record_id
    from ranked as further
    inner join ranked as kept
        on
            further.customer_id = kept.customer_id
            and further.source = kept.source
            and further.source_table = kept.source_table
            and kept.place = 1
    where further.place > 1
),

decisions as (
    select
        *,
        row_number() over (partition by pair_id order by id desc) as age
    from {{ source('duplicate_memory', 'duplicate_decisions') }}
),

final as (
    select
        pairs.pair_id,
        pairs.source,
        pairs.source_table,
        pairs.customer_id,
        -- what was approved stays what it was, though a creation date be corrected
        coalesce(decisions.kept_record_id, pairs.older_record_id) as kept_record_id,
        case
            when decisions.kept_record_id = pairs.further_record_id then pairs.older_record_id
            else pairs.further_record_id
        end as duplicate_record_id,
        coalesce(decisions.verb, 'open') as state,
        decisions.decided_at
    from pairs
    left join decisions on pairs.pair_id = decisions.pair_id and decisions.age = 1
)

select * from final
