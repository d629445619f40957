-- Grain: one row per pair of contact records of the CRM whose merge somebody approved (`cdp duplicates approve`).
with

pairs as (
    select * from {{ ref('record_duplicates') }}
    where source = 'crm' and source_table = 'contacts' and state = 'approved'
),

contacts as (
    select * from {{ ref('stg_contacts') }}
),

final as (
    select
        pairs.pair_id,
        pairs.customer_id,
        kept.record_key as kept_crm_id,
        further.record_key as duplicate_crm_id
    from pairs
    inner join contacts as kept on pairs.kept_record_id = kept.record_id
    inner join contacts as further on pairs.duplicate_record_id = further.record_id
)

select * from final
