{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='node_id',
    touched_sql='select node_id from staging.affected_nodes',
) }}
-- Grain: one row per identity node with its customer_id.
-- depends_on: {{ ref('touched_owners') }}
-- depends_on: {{ ref('touched_devices') }}
-- depends_on: {{ ref('merge_causes') }}
-- depends_on: {{ ref('split_causes') }}
-- depends_on: {{ ref('pin_moves') }}
-- depends_on: {{ ref('node_owner_changes') }}
select
    node_id,
    customer_id,
    cluster_size
from {{ ref('int_identity__assigned') }}
