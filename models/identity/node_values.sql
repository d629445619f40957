{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='node_id',
    touched_sql='select node_id from staging.touched_nodes',
) }}
-- Grain: one row per identity node and identifier value it carries.
-- depends_on: {{ ref('touched_values') }} {{ ref('touched_nodes') }} {{ ref('links_before') }}
select
    node_id,
    identifier_type,
    scope_value,
    identifier_value,
    value_key,
    min(source) as source,
    min(priority) as priority,
    {{ bool_or('is_profile') }} as is_profile,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    cast(sum(records) as bigint) as records
from {{ ref('int_identity__carried') }}
{% if is_incremental() %}
where node_id in (select node_id from {{ ref('touched_nodes') }})
{% endif %}
group by node_id, identifier_type, scope_value, identifier_value, value_key
