{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false, schema='staging') }}
-- Grain: one row per identity node and value it carried after the last finished build, of the nodes that may carry others now:
-- touched ones, all of them in a full build. It tells what linked people who are parted in this build. It grows over killed builds
-- and is cleared when a build is marked; it runs before the tables it reads are replaced.
-- depends_on: {{ ref('touched_nodes') }}
{% set held = previous('identity', 'node_values') %}
{% set judged = previous('identity', 'identifier_values') %}
with

{% if held and judged %}
final as (
    select
        held.node_id,
        held.identifier_type,
        held.identifier_value,
        held.value_key,
        judged.refused_because is not null as was_refused
    from {{ held }} as held
    inner join {{ judged }} as judged on held.value_key = judged.value_key
    {% if not flags.FULL_REFRESH %}
    where held.node_id in (select node_id from {{ ref('touched_nodes') }})
    {% endif %}
)
{% else %}
final as (
    select
        node_id,
        node_id as identifier_type,
        node_id as identifier_value,
        node_id as value_key,
        false as was_refused
    from {{ ref('touched_nodes') }}
    where false
)
{% endif %}

select
    node_id,
    identifier_type,
    identifier_value,
    value_key,
    was_refused
from final
