{{ config(materialized='view') }}
-- Grain: one row per identity node and value that may link it: not refused, and the node not pinned by hand. A pinned record
-- belongs to whom somebody said, whatever its identifiers say.
with

judged as (
    {{ judged_values() }}
)

select
    node_id,
    identifier_type,
    identifier_value,
    scope_value,
    value_key,
    priority,
    first_seen_at,
    records
from judged
where is_linking
