{{ config(materialized='view') }}
-- Grain: one row per identity node, identifier value and brand and source it came from, with the value's namespace: a loyalty
-- number is unique inside its brand, a user number inside its source, an address everywhere.
with

carried as (
    select
        stg_identifiers.node_id,
        stg_identifiers.identifier_type,
        stg_identifiers.identifier_value,
        case config_identifiers.scope
            when 'global' then ''
            when 'brand' then coalesce(stg_identifiers.brand, stg_identifiers.source)
            else stg_identifiers.source
        end as scope_value,
        stg_identifiers.source,
        stg_identifiers.is_profile,
        config_identifiers.priority,
        stg_identifiers.first_seen_at,
        stg_identifiers.last_seen_at,
        stg_identifiers.records
    from {{ ref('stg_identifiers') }} as stg_identifiers
    inner join {{ ref('config_identifiers') }} as config_identifiers
        on stg_identifiers.identifier_type = config_identifiers.identifier_type
    where stg_identifiers.node_id is not null
)

select
    node_id,
    identifier_type,
    scope_value,
    identifier_value,
    identifier_type || ':' || scope_value || ':' || identifier_value as value_key,
    source,
    is_profile,
    priority,
    first_seen_at,
    last_seen_at,
    records
from carried
