{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='node_id',
    touched_sql='select node_id from staging.affected_nodes',
) }}
-- Grain: one row per identity node: the customer_id it has from this build on.
select
    clusters.node_id,
    ids.customer_id,
    clusters.cluster_size
from {{ ref('node_clusters') }} as clusters
inner join {{ ref('int_identity__live_ids') }} as ids
    on clusters.cluster = ids.cluster and ids.customer_id = ids.winner_id
where {{ is_reassigned('clusters.node_id') }}
