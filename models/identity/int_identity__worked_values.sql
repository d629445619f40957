{{ config(materialized='work_of_part') }}
-- Grain: one row per identity node worked out in this build, all of them after a full one, and value it carries; `is_linking` where
-- the value may link it (as in int_identity__linking). Work of one build: several models ask for these few of all values.
-- depends_on: {{ ref('affected_nodes') }}
{{ judged_values(is_affected('node_id')) }}
