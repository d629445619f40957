-- Grain: one row per identity node with its customer_id.
-- depends_on: {{ ref('touched_owners') }}
-- depends_on: {{ ref('touched_devices') }}
select
    node_id,
    customer_id,
    component_size
from {{ ref('int_identity__assigned') }}
