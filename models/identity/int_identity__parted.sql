{{ config(materialized='ephemeral') }}
-- Grain: one row per record of a customer_id of before whose records have several owners now, or none: a record that is gone.
-- Read before the owners it compares with are replaced.
-- depends_on: {{ ref('affected_nodes') }}
{% set owners = previous('identity', 'node_customers') %}
with

owned_before as (
    {% if owners %}
    select
        node_id,
        customer_id
    from {{ owners }}
    where {{ is_affected('node_id') }}
    {% else %}
    select
        node_id,
        customer_id
    from {{ ref('int_identity__assigned') }}
    where false
    {% endif %}
),

owned as (
    select
        before.node_id,
        before.customer_id as former_id,
        now.customer_id
    from owned_before as before
    left join {{ ref('int_identity__assigned') }} as now on before.node_id = now.node_id
),

several as (
    select former_id
    from owned
    group by former_id
    having count(distinct customer_id) > 1
)

select
    node_id,
    former_id,
    customer_id
from owned
where former_id in (select several.former_id from several)
