{{ config(schema='marts') }}
-- Grain: one row per identifier value that was not used to link records, with the reason.
select
    identifier_type || ':' || scope_value || ':' || identifier_value as value_key,
    identifier_type as type,
    scope_value as scope,
    identifier_value as value,
    min(refused_because) as reason,
    cast(min(profiles) as bigint) as profiles,
    cast(min(nodes) as bigint) as nodes,
    cast(sum(records) as bigint) as records
from {{ ref('int_identity__identifiers') }}
where refused_because is not null
group by identifier_type, scope_value, identifier_value
