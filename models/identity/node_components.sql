{{ config(materialized='connected_components') }}
-- Grain: one row per identity node: the connected component it lies in.
select
    node_a,
    node_b
from {{ ref('int_identity__edges') }}
