{{ config(materialized='work_of_part') }}
-- Grain: one row per identity node worked out in this build, all of them after a full one: the customer_id it has from this build
-- on. The oldest id seeded in a cluster stands for it. Work of one build, for what compares it with node_customers of the last.
-- depends_on: {{ ref('affected_nodes') }}
with

clusters as (
    select
        node_id,
        cluster,
        cluster_size
    from {{ ref('node_clusters') }}
    where {{ is_affected('node_id') }}
),

seeds as (
    {{ present_seeds(only=is_partial_identity()) }}
),

placed as (
    select
        clusters.cluster,
        seeds.customer_id,
        row_number() over (partition by clusters.cluster order by seeds.minted_seq, seeds.customer_id) as place
    from seeds
    inner join clusters on seeds.seed_record = clusters.node_id
)

select
    clusters.node_id,
    placed.customer_id,
    clusters.cluster,
    clusters.cluster_size
from clusters
inner join placed on clusters.cluster = placed.cluster
where placed.place = 1
