{{ config(schema='marts') }}
-- Grain: one row per identifier value that was not used to link records, with the reason.
select
    value_key,
    identifier_type as type,
    scope_value as scope,
    identifier_value as value,
    refused_because as reason,
    profiles,
    nodes,
    records
from {{ ref('identifier_values') }}
where refused_because is not null
