{{ config(materialized='view') }}
-- Grain: one row per identity node and value that may link it: not refused, and the node not pinned by hand. A pinned record
-- belongs to whom somebody said, whatever its identifiers say.
-- Refused values are few: leaving them out costs a look-up in a small table where joining every value with its verdict would
-- cost more than what reads the few rows it asked for.
select
    carried.node_id,
    carried.identifier_type,
    carried.identifier_value,
    carried.scope_value,
    carried.value_key,
    carried.priority,
    carried.first_seen_at,
    carried.records
from {{ ref('node_values') }} as carried
left join {{ ref('identifier_values') }} as refused
    on carried.value_key = refused.value_key and refused.refused_because is not null
where
    refused.value_key is null
    and carried.node_id not in (
        select record_key from {{ source('identity_memory', 'override_effects') }} where effect = 'pinned'
    )
