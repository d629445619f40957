{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='record_id',
    touched_sql="select record_id from staging.stg_rows where load_id in (select load_id from staging.work_loads)",
) }}
-- Grain: one row per record of a source whose rows can change and that is not a node of its own, with the node it has now; tells
-- the next build who owned it. A record that is a node of its own owns up by its key.
-- depends_on: {{ ref('touched_owners') }} {{ ref('touched_devices') }} {{ ref('stg_rows') }} {{ ref('work_loads') }}
-- depends_on: {{ ref('record_node_changes') }}
select
    record_id,
    node_id
from {{ ref('stg_record_nodes') }}
where
    is_mutable
    and node_id <> record_id
    {% if is_incremental() %}
    and record_id in (
        select record_id from {{ ref('stg_rows') }} where load_id in (select load_id from {{ ref('work_loads') }})
    )
    {% endif %}
