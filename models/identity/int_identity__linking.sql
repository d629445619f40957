{{ config(materialized='view') }}
-- Grain: one row per identity node and value that may link it: not refused, and the node not pinned by hand. A pinned record
-- belongs to whom somebody said, whatever its identifiers say.
select
    identifiers.node_id,
    identifiers.identifier_type,
    identifiers.identifier_value,
    identifiers.scope_value,
    identifiers.value_key,
    identifiers.priority,
    identifiers.first_seen_at,
    identifiers.nodes,
    identifiers.records
from {{ ref('int_identity__identifiers') }} as identifiers
where
    identifiers.refused_because is null
    and identifiers.node_id not in (
        select record_key from {{ source('identity_memory', 'override_effects') }} where effect = 'pinned'
    )
