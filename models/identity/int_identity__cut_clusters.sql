{{ config(materialized='constrained_clusters', touched_sql='select node_id from staging.affected_nodes') }}
-- Grain: one row per node of a broken component: the cluster of records taken for one person. What was joined by hand is one from
-- the start, and links are added back strongest first, skipping each that would break a constraint.
-- depends_on: {{ ref('int_identity__broken') }} {{ ref('int_identity__cut_traits') }} {{ ref('affected_nodes') }}
select
    node_a,
    node_b,
    link_rank
from {{ ref('int_identity__cut_links') }}
