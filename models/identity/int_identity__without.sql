{{ config(materialized='connected_components') }}
{% set partial = is_partial_bridges() %}
-- Grain: one row per examined link and node of its customer: the part the node would be in, were the link not there.
-- A node of the graph is named after both, so that all trials are worked out at once. Work of one build.
-- depends_on: {{ ref('touched_bridges') }}
with

examined as (
    select
        customer_id,
        link_key,
        node_id,
        may_go
    from {{ ref('int_identity__examined') }}
    {% if partial %}
    where customer_id in (select customer_id from {{ ref('touched_bridges') }})
    {% endif %}
),

tried as (
    select distinct
        customer_id,
        link_key
    from examined
    where may_go
),

left_over as (
    select
        tried.link_key || '>' || examined.node_id as node_id,
        tried.link_key || '>' || tried.customer_id || '>' || examined.link_key as link_key
    from tried
    inner join examined on tried.customer_id = examined.customer_id and tried.link_key <> examined.link_key
)

select
    node_id,
    link_key
from left_over
union all
select
    link_key || '>' || node_id as node_id,
    cast(null as {{ sql_type('string') }}) as link_key
from examined
where may_go
