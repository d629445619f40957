{{ config(materialized='view', schema='customer') }}
-- Grain: one row per node and address or telephone of it that identifies nobody. Which limit was broken may change with a
-- stranger's record while the value stays refused, so that is not told here.
select
    node_id,
    identifier_type as field,
    identifier_value as value,
    min(
        case when refused_because in ('placeholder', 'role mailbox') then refused_because else 'held by too many' end
    ) as reason
from {{ ref('int_identity__identifiers') }}
where refused_because is not null and identifier_type in ('email', 'phone')
group by node_id, identifier_type, identifier_value
