{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    schema='staging',
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per customer_id of before, and other id that has some of its records now: the strongest link between these and
-- the others of that id. It grows over killed builds and is cleared when a build is marked; it runs before the owners it compares
-- with are replaced.
-- depends_on: {{ ref('int_identity__fuzzy_kept') }} {{ ref('affected_nodes') }}
{% set owners = previous('identity', 'node_customers') %}
with

{% if owners %}
owned_before as (
    select
        node_id,
        customer_id
    from {{ owners }}
    where {{ is_reassigned('node_id') }}
),

nodes as (
    select
        now.node_id,
        now.cluster,
        now.customer_id,
        before.customer_id as former_id
    from {{ ref('int_identity__assigned') }} as now
    left join owned_before as before on now.node_id = before.node_id
    where {{ is_reassigned('now.node_id') }}
),

absorbed as (
    select distinct
        former_id,
        customer_id,
        cluster
    from nodes
    where former_id <> customer_id
),

sides as (
    select
        absorbed.former_id as absorbed_id,
        absorbed.customer_id,
        nodes.node_id,
        coalesce(nodes.former_id = absorbed.former_id, false) as is_absorbed
    from absorbed
    inner join nodes on absorbed.cluster = nodes.cluster
),

linking as (
    select * from {{ ref('int_identity__worked_values') }} where is_linking and node_id in (select node_id from sides)
),

by_value as (
    select
        sides.absorbed_id,
        sides.customer_id,
        'same ' || linking.identifier_type as cause,
        linking.identifier_value as link_value,
        linking.priority as strength_rank,
        min(case when sides.is_absorbed then sides.node_id end) as record_a,
        min(case when not sides.is_absorbed then sides.node_id end) as record_b
    from sides
    inner join linking on sides.node_id = linking.node_id
    group by
        sides.absorbed_id,
        sides.customer_id,
        linking.value_key,
        linking.identifier_type,
        linking.identifier_value,
        linking.priority
),

by_hand as (
    select
        sides.absorbed_id,
        sides.customer_id,
        'override ' || effects.override_id as cause,
        cast(null as {{ sql_type('string') }}) as link_value,
        0 as strength_rank,
        effects.record_key as record_a,
        effects.other_key as record_b
    from {{ source('identity_memory', 'override_effects') }} as effects
    inner join sides on effects.record_key = sides.node_id
    inner join sides as others
        on
            effects.other_key = others.node_id
            and sides.absorbed_id = others.absorbed_id
            and sides.customer_id = others.customer_id
    where effects.effect = 'joined' and sides.is_absorbed <> others.is_absorbed
),

by_probability as (
    select
        sides.absorbed_id,
        sides.customer_id,
        'probably one person: ' || cast(round(links.match_probability, 3) as {{ sql_type('string') }}) as cause,
        cast(null as {{ sql_type('string') }}) as link_value,
        {{ fuzzy_priority() }} as strength_rank,
        links.record_a,
        links.record_b
    from {{ ref('int_identity__fuzzy_kept') }} as links
    inner join sides on links.record_a = sides.node_id
    inner join sides as others
        on
            links.record_b = others.node_id
            and sides.absorbed_id = others.absorbed_id
            and sides.customer_id = others.customer_id
    where sides.is_absorbed <> others.is_absorbed
),

found as (
    select * from by_value where record_a is not null and record_b is not null
    union all
    select * from by_hand
    union all
    select * from by_probability
),

final as (
    select
        absorbed_id,
        customer_id,
        cause,
        link_value,
        record_a,
        record_b,
        row_number() over (
            partition by absorbed_id, customer_id order by strength_rank, record_a, record_b, cause, link_value
        ) as place
    from found
)
{% else %}
final as (
    select
        linking.node_id as absorbed_id,
        assigned.customer_id,
        linking.node_id as cause,
        linking.identifier_value as link_value,
        linking.node_id as record_a,
        assigned.node_id as record_b,
        1 as place
    from {{ ref('int_identity__worked_values') }} as linking
    inner join {{ ref('int_identity__assigned') }} as assigned on linking.node_id = assigned.node_id
    where false
)
{% endif %}

select
    absorbed_id,
    customer_id,
    cause,
    link_value,
    record_a,
    record_b
from final
where place = 1
