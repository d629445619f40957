{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_golden',
) }}
-- Grain: one row per customer and address or telephone that another profile holds too, with the pass in which it was given to
-- them; null where it is another's, or nobody's. Who shares a value that may link stands in one component,
-- and only components that were cut hold several people: the rest needs no assignment.
with

several as (
    select component
    from {{ ref('node_clusters') }}
    group by component
    having min(cluster) <> max(cluster)
),

rivals as (
    select distinct owners.customer_id
    from {{ ref('node_clusters') }} as clusters
    inner join several on clusters.component = several.component
    inner join {{ ref('node_customers') }} as owners on clusters.node_id = owners.node_id
),

candidates as (
    select *
    from {{ ref('int_golden__candidates') }}
    where field in ('email', 'phone') and customer_id in (select customer_id from rivals)
),

{{ rank_votes(['customer_id', 'field']) }},

-- one value is one contact point where its scope says so: the same text of another brand is another one
keyed as (
    select
        ranked.*,
        carried.value_key as point
    from ranked
    inner join {{ ref('node_values') }} as carried
        on
            ranked.node_id = carried.node_id
            and ranked.field = carried.identifier_type
            and ranked.value = carried.identifier_value
),

pairs as (
    select
        customer_id,
        field,
        point,
        min(value) as value,
        min(standing) as standing,
        min(tier) as tier,
        max(case when is_verified then 1 else 0 end) as verified,
        count(distinct source) as sources,
        count(*) as voices,
        max(known_at) as known_at,
        min(node_id) as node_id
    from keyed
    group by customer_id, field, point
),

{% for round in [1, 2] %}
wishes_{{ round }} as (
    select
        *,
        row_number() over (partition by customer_id, field order by standing, point) as for_person,
        row_number() over (
            partition by field, point
            order by tier, verified desc, sources desc, voices desc, known_at desc nulls last, node_id
        ) as for_point
    from {{ 'pairs' if round == 1 else 'left_over' }}
),

given_{{ round }} as (
    select
        customer_id,
        field,
        point
    from wishes_{{ round }}
    where for_person = 1 and for_point = 1
),

{% if round == 1 %}
left_over as (
    select pairs.*
    from pairs
    left join given_1 as people on pairs.customer_id = people.customer_id and pairs.field = people.field
    left join given_1 as points on pairs.field = points.field and pairs.point = points.point
    where people.customer_id is null and points.customer_id is null
),
{% endif %}
{% endfor %}

shared as (
    select
        field,
        point
    from pairs
    group by field, point
    having count(*) > 1
),

final as (
    select
        pairs.customer_id,
        pairs.field,
        pairs.value,
        max(
            case when given_1.customer_id is not null then 1 when given_2.customer_id is not null then 2 end
        ) as given_in_pass
    from pairs
    inner join shared on pairs.field = shared.field and pairs.point = shared.point
    left join given_1
        on
            pairs.customer_id = given_1.customer_id
            and pairs.field = given_1.field
            and pairs.point = given_1.point
    left join given_2
        on
            pairs.customer_id = given_2.customer_id
            and pairs.field = given_2.field
            and pairs.point = given_2.point
    group by pairs.customer_id, pairs.field, pairs.value
)

select * from final
