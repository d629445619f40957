{{ config(materialized='work_of_part') }}
-- Grain: one row per identity node worked out in this build, all of them after a full one, and value it carries; `is_linking` where
-- the value may link it (as in int_identity__linking). Work of one build: five models ask for these few of all values.
-- depends_on: {{ ref('affected_nodes') }}
with

-- chosen before they are judged: behind the joins the choice would be made last
carried as (
    select
        node_id,
        identifier_type,
        scope_value,
        identifier_value,
        value_key,
        priority,
        first_seen_at
    from {{ ref('node_values') }}
    where {{ is_affected('node_id') }}
)

select
    carried.node_id,
    carried.identifier_type,
    carried.scope_value,
    carried.identifier_value,
    carried.value_key,
    carried.priority,
    carried.first_seen_at,
    refused.refused_because,
    refused.value_key is null
    and carried.node_id not in (
        select record_key from {{ source('identity_memory', 'override_effects') }} where effect = 'pinned'
    ) as is_linking
from carried
left join {{ ref('identifier_values') }} as refused
    on carried.value_key = refused.value_key and refused.refused_because is not null
