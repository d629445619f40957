{{ config(materialized='constrained_clusters', touched_sql='select node_id from staging.affected_nodes') }}
-- Grain: one row per identity node: the cluster of records taken for one person. A component that breaks no constraint is one
-- cluster; in a broken one what was joined by hand is one from the start, and links are added back strongest first, skipping each
-- that would break a constraint.
-- depends_on: {{ ref('node_components') }} {{ ref('int_identity__broken') }} {{ ref('int_identity__cut_traits') }} {{ ref('affected_nodes') }}
select
    node_a,
    node_b,
    link_rank
from {{ ref('int_identity__cut_links') }}
