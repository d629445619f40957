{{ config(materialized='view') }}
-- Grain: one row per identity node and identifier value, with the reason why the value may not link, if any.
select
    carried.node_id,
    carried.identifier_type,
    carried.scope_value,
    carried.identifier_value,
    carried.value_key,
    carried.source,
    carried.priority,
    carried.is_profile,
    carried.first_seen_at,
    carried.last_seen_at,
    carried.records,
    judged.profiles,
    judged.nodes,
    judged.refused_because
from {{ ref('node_values') }} as carried
inner join {{ ref('identifier_values') }} as judged on carried.value_key = judged.value_key
