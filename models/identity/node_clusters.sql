{{ config(materialized='view') }}
-- Grain: one row per identity node: the cluster of records taken for one person. A component that breaks no constraint is one
-- cluster; few are broken, and only those are written a second time.
select
    components.node_id,
    components.component,
    coalesce(cut.cluster, components.component) as cluster,
    coalesce(cut.cluster_size, components.component_size) as cluster_size
from {{ ref('node_components') }} as components
left join {{ ref('int_identity__cut_clusters') }} as cut on components.node_id = cut.node_id
