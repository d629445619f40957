{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per identifier value that a touched node carries or carried, with what was thought of it then. It grows over
-- killed builds and is cleared when a build is marked; it runs before the tables it compares with are replaced.
{% set held = previous('identity', 'node_values') %}
{% set judged = previous('identity', 'identifier_values') %}
with

{% if is_incremental() and held and judged %}
found as (
    select value_key
    from {{ held }}
    where node_id in (select node_id from {{ ref('touched_nodes') }})
    union
    select value_key
    from {{ ref('int_identity__carried') }}
    where node_id in (select node_id from {{ ref('touched_nodes') }})
),

final as (
    select
        found.value_key,
        coalesce(judged.refused_because is not null, false) as was_refused
    from found
    left join {{ judged }} as judged on found.value_key = judged.value_key
)
{% else %}
final as (
    select
        value_key,
        false as was_refused
    from {{ ref('int_identity__carried') }}
    where false and node_id in (select node_id from {{ ref('touched_nodes') }})
)
{% endif %}

select
    value_key,
    was_refused
from final
