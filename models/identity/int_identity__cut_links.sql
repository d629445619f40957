-- Grain: one row per pair of nodes of a broken component that something links, with the strongest link and its place in the
-- order in which links are added back. Work of one build.
-- Strongest first: identifiers by priority, then probable links by their weight. What was joined by hand is one from the start (node_clusters). Ties are broken by a hash of the two record keys:
-- it depends on the content only, and unlike the keys themselves it makes no long chains of links that wait for each other.
with

linking as (
    select
        linking.node_id,
        linking.value_key,
        linking.identifier_type,
        linking.priority
    from {{ ref('int_identity__broken') }} as broken
    inner join {{ ref('int_identity__worked_values') }} as linking on broken.node_id = linking.node_id
    where linking.is_linking
),

held as (
    select
        value_key,
        count(*) as holders,
        min(node_id) as centre_id
    from linking
    group by value_key
    having count(*) > 1
),

-- all pairs: two records of one person stay linked by a value they share with somebody else. Beyond some holders a star.
exact as (
    select
        one.node_id as node_a,
        other.node_id as node_b,
        one.identifier_type as kind,
        one.value_key,
        one.priority as strength_rank,
        cast(0 as double) as weight
    from linking as one
    inner join held on one.value_key = held.value_key
    inner join linking as other on one.value_key = other.value_key and one.node_id < other.node_id
    where held.holders <= {{ var('identity_pairwise_holders') }} or one.node_id = held.centre_id
),

probable as (
    select
        links.record_a as node_a,
        links.record_b as node_b,
        'fuzzy' as kind,
        cast(null as {{ sql_type('string') }}) as value_key,
        {{ fuzzy_priority() }} as strength_rank,
        -links.match_weight as weight
    from {{ ref('int_identity__broken') }} as broken
    inner join {{ ref('int_identity__fuzzy_kept') }} as links on broken.node_id = links.record_a
),

found as (
    select * from exact
    union all
    select * from probable
),

links as (
    select
        *,
        row_number() over (partition by node_a, node_b order by strength_rank, weight, value_key) as place
    from found
)

select
    node_a,
    node_b,
    kind,
    value_key,
    row_number() over (order by strength_rank, weight, md5(node_a || '|' || node_b), node_a, node_b) as link_rank
from links
where place = 1
