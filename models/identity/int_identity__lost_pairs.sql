{{ config(materialized='ephemeral') }}
-- Grain: one row per two parts of a customer_id of before (both ways round) and link between records that held them together:
-- a decision, a link that a constraint does not let be used, a probable link; with what became of it.
with

places as (
    select
        node_id,
        former_id,
        customer_id
    from {{ ref('int_identity__parted') }}
),

effects as (
    select
        effect,
        override_id,
        record_key,
        other_key,
        side
    from {{ source('identity_memory', 'override_effects') }}
),

held_before as (
    select * from {{ ref('int_identity__held_before') }}
),

pinned_now as (
    select * from {{ ref('int_identity__pinned_now') }}
),

-- decided since: these records are two people
kept_apart as (
    select
        one.record_key as node_a,
        other.record_key as node_b,
        'override ' || one.override_id || ' keeps them apart' as cause,
        cast(null as {{ sql_type('string') }}) as link_value,
        0 as strength_rank
    from effects as one
    inner join effects as other
        on one.override_id = other.override_id and one.side < other.side and other.effect = 'apart'
    where one.effect = 'apart'
),

-- decided once that they are one person, and it holds no more
no_longer_held as (
    select
        record_key as node_a,
        other_key as node_b,
        'override ' || override_id || ' no longer holds' as cause,
        cast(null as {{ sql_type('string') }}) as link_value,
        1 as strength_rank
    from held_before
    where effect = 'joined' and override_id not in (select override_id from effects where effect = 'joined')
),

constrained as (
    select
        skipped.node_a,
        skipped.node_b,
        'the link ' || skipped.kind || ' was not used: ' || skipped.reason as cause,
        carried.identifier_value as link_value,
        2 as strength_rank
    from {{ ref('skipped_links') }} as skipped
    left join {{ ref('int_identity__worked_values') }} as carried
        on skipped.node_a = carried.node_id and skipped.value_key = carried.value_key
    where skipped.node_a in (select node_id from places)
),

probable as (
    select
        record_a as node_a,
        record_b as node_b,
        'probable link no longer: ' || reason as cause,
        cast(null as {{ sql_type('string') }}) as link_value,
        3 + {{ fuzzy_priority() }} as strength_rank
    from {{ source('identity_fuzzy', 'fuzzy_former') }}
    union all
    select
        pairs.record_a as node_a,
        pairs.record_b as node_b,
        case
            when ours.record_key is not null then 'override ' || ours.override_id || ' pinned ' || ours.record_key
            when theirs.record_key is not null then 'override ' || theirs.override_id || ' pinned ' || theirs.record_key
            when cuts.record_a is not null then 'probable link no longer: their other records speak against it'
            else 'probable link no longer: what they agree on may not identify anybody'
        end as cause,
        cast(null as {{ sql_type('string') }}) as link_value,
        case
            when coalesce(ours.record_key, theirs.record_key) is not null then 0
            else 3 + {{ fuzzy_priority() }}
        end as strength_rank
    from {{ source('identity_fuzzy', 'fuzzy_pairs') }} as pairs
    cross join {{ source('identity_fuzzy', 'fuzzy_state') }} as thresholds
    left join {{ source('identity_fuzzy', 'fuzzy_cuts') }} as cuts
        on pairs.record_a = cuts.record_a and pairs.record_b = cuts.record_b
    left join pinned_now as ours on pairs.record_a = ours.record_key
    left join pinned_now as theirs on pairs.record_b = theirs.record_key
    where
        pairs.match_weight >= thresholds.merge_from
        and pairs.record_a in (select node_id from places)
),

links_gone as (
    select * from kept_apart
    union all
    select * from no_longer_held
    union all
    select * from constrained
    union all
    select * from probable
),

final as (
    select
        ours.former_id,
        ours.customer_id,
        links.cause,
        links.link_value,
        links.strength_rank,
        ours.node_id as record_a,
        theirs.node_id as record_b
    from (
        select * from links_gone
        union all
        select
            node_b as node_a,
            node_a as node_b,
            cause,
            link_value,
            strength_rank
        from links_gone
    ) as links
    inner join places as ours on links.node_a = ours.node_id
    inner join places as theirs
        on
            links.node_b = theirs.node_id
            and ours.former_id = theirs.former_id
            and ours.customer_id is distinct from theirs.customer_id
)

select * from final
