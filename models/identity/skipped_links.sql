{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='node_a',
    touched_sql='select node_id from staging.affected_nodes',
) }}
-- Grain: one row per link that was not used because it would have put into one cluster what cannot be one person.
-- Constraints only tighten while clusters grow, so what the two clusters break together now is why the link was skipped.
with

links as (
    select
        cut_links.node_a,
        cut_links.node_b,
        cut_links.kind,
        cut_links.value_key,
        cut_links.link_rank,
        ours.cluster as cluster_a,
        theirs.cluster as cluster_b
    from {{ ref('int_identity__cut_links') }} as cut_links
    inner join {{ ref('int_identity__cut_clusters') }} as ours on cut_links.node_a = ours.node_id
    inner join {{ ref('int_identity__cut_clusters') }} as theirs on cut_links.node_b = theirs.node_id
    where ours.cluster <> theirs.cluster
),

pairs as (
    select distinct
        cluster_a as ca,
        cluster_b as cb
    from links
),

sizes as (
    select
        clusters.cluster,
        max(clusters.cluster_size) as size
    from {{ ref('int_identity__cut_clusters') }} as clusters
    inner join {{ ref('int_identity__broken') }} as broken on clusters.node_id = broken.node_id
    group by clusters.cluster
),

traits as (
    select distinct
        clusters.cluster,
        cut_traits.trait,
        cut_traits.trait_value,
        cut_traits.reason,
        cut_traits.most,
        cut_traits.window_days,
        cut_traits.seen_at
    from {{ ref('int_identity__cut_traits') }} as cut_traits
    inner join {{ ref('int_identity__cut_clusters') }} as clusters on cut_traits.node_id = clusters.node_id
),

breaches as (
    {{ cluster_breaches('pairs', 'sizes', 'traits') }}
)

select
    links.node_a,
    links.node_b,
    links.kind,
    links.value_key,
    breaches.reason
from links
left join breaches on links.cluster_a = breaches.ca and links.cluster_b = breaches.cb
union all
select
    cuts.record_a as node_a,
    cuts.record_b as node_b,
    'fuzzy' as kind,
    cast(null as {{ sql_type('string') }}) as value_key,
    'weak bridge: their other records speak against it' as reason
from {{ source('identity_fuzzy', 'fuzzy_cuts') }} as cuts
inner join {{ ref('int_identity__cut_clusters') }} as ours on cuts.record_a = ours.node_id
inner join {{ ref('int_identity__cut_clusters') }} as theirs on cuts.record_b = theirs.node_id
where ours.cluster <> theirs.cluster and {{ is_affected('cuts.record_a') }}
