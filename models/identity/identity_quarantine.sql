{{ config(schema='marts') }}
-- Grain: one row per identifier value that was not used to link records, with the reason. A value that is none of its type (`n/a`
-- for a phone) is told as delivered; it cannot be equal to a usable one, which would be its own spelling.
with

refused as (
    select
        value_key,
        identifier_type,
        scope_value,
        identifier_value,
        refused_because,
        profiles,
        nodes,
        records
    from {{ ref('identifier_values') }}
    where refused_because is not null
),

unread as (
    select
        delivered.identifier_type,
        case limits.scope
            when 'global' then ''
            when 'brand' then coalesce(delivered.brand, delivered.source)
            else delivered.source
        end as scope_value,
        delivered.delivered_value,
        delivered.record_id,
        delivered.node_id,
        delivered.is_profile
    from {{ ref('stg_unread_identifiers') }} as delivered
    inner join {{ ref('config_identifiers') }} as limits on delivered.identifier_type = limits.identifier_type
),

final as (
    select * from refused
    union all
    select
        identifier_type || ':' || scope_value || ':' || delivered_value as value_key,
        identifier_type,
        scope_value,
        delivered_value as identifier_value,
        'no ' || identifier_type as refused_because,
        cast(count(distinct case when is_profile then record_id end) as bigint) as profiles,
        cast(count(distinct node_id) as bigint) as nodes,
        cast(count(distinct record_id) as bigint) as records
    from unread
    group by identifier_type, scope_value, delivered_value
)

select
    value_key,
    identifier_type as type,
    scope_value as scope,
    identifier_value as value,
    refused_because as reason,
    profiles,
    nodes,
    records
from final
