-- Grain: one row per identity node: the customer_id it has from this build on.
select
    components.node_id,
    ids.customer_id,
    components.component_size
from {{ ref('node_components') }} as components
inner join {{ ref('int_identity__live_ids') }} as ids
    on components.component = ids.component and ids.customer_id = ids.winner_id
