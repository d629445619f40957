{{ config(schema='staging') }}
-- Grain: one row per customer whose records, or what holds them together, this build replaces. Whether a value may link depends on
-- everybody who holds it, so a stranger's record can change the reason: to whom something happened come the owners of all
-- nodes whose component was worked out anew.
select touch_key from {{ ref('touched') }}
union
select customer_id as touch_key
from {{ ref('node_customers') }}
where node_id in (select node_id from {{ ref('affected_nodes') }})
