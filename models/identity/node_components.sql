{{ config(materialized='connected_components', touched_sql='select node_id from staging.affected_nodes') }}
-- Grain: one row per identity node: the connected component it lies in.
-- depends_on: {{ ref('affected_nodes') }}
select
    node_id,
    link_key
from {{ ref('int_identity__edges') }}
