{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false, schema='staging') }}
-- Grain: one row per customer_id of before, and id that has some of its records now: the link that held these and the others
-- together after the last finished build, and what became of it. What somebody decided goes first, then what a constraint kept
-- apart, then values by priority, then probable links. It grows over killed builds and is cleared when a build is marked; it runs
-- before the owners it compares with are replaced.
-- depends_on: {{ ref('affected_nodes') }} {{ ref('links_before') }} {{ ref('touched_values') }}
{% set owners = previous('identity', 'node_customers') %}
{% set decided = previous('identity', 'held_overrides') %}
with

{% if owners %}
owned_before as (
    select
        node_id,
        customer_id
    from {{ owners }}
    where {{ is_reassigned('node_id') }}
),

owned as (
    select
        before.node_id,
        before.customer_id as former_id,
        now.customer_id
    from owned_before as before
    left join {{ ref('int_identity__assigned') }} as now on before.node_id = now.node_id
),

-- records of those whose records have several owners now; a record that is gone has none
parted as (
    select former_id
    from owned
    group by former_id
    having count(distinct customer_id) > 1
),

places as (
    select
        node_id,
        former_id,
        customer_id
    from owned
    where former_id in (select parted.former_id from parted)
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
    {% if decided %}
    select
        effect,
        override_id,
        record_key,
        other_key
    from {{ decided }}
    {% else %}
    select
        effect,
        override_id,
        record_key,
        other_key
    from effects
    where false
    {% endif %}
),

pinned_now as (
    select
        record_key,
        override_id
    from effects
    where effect = 'pinned' and override_id not in (select override_id from held_before where effect = 'pinned')
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
    left join {{ ref('node_values') }} as carried
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

by_pair as (
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
),

captured as (
    select
        node_id,
        identifier_type,
        identifier_value,
        value_key,
        was_refused
    from {{ ref('links_before') }}
    where node_id in (select node_id from places)
),

verdicts_before as (
    select
        value_key,
        {{ bool_or('not was_refused') }} as did_link
    from {{ ref('touched_values') }}
    group by value_key
),

-- who is not touched carries what it carried; what was thought of the value then is known of touched ones
unchanged as (
    select
        held.node_id,
        held.identifier_type,
        held.identifier_value,
        held.value_key,
        not coalesce(verdicts_before.did_link, judged.refused_because is null) as was_refused
    from {{ ref('node_values') }} as held
    inner join {{ ref('identifier_values') }} as judged on held.value_key = judged.value_key
    left join verdicts_before on held.value_key = verdicts_before.value_key
    where
        held.node_id in (select node_id from places)
        and held.node_id not in (select node_id from captured)
),

-- a killed build may have read a value twice, before and after it was judged anew: it linked if it did once
linked_before as (
    select
        node_id,
        identifier_type,
        identifier_value,
        value_key
    from (
        select * from captured
        union all
        select * from unchanged
    ) as carried
    where
        not was_refused
        and node_id not in (select held_before.record_key from held_before where held_before.effect = 'pinned')
    group by node_id, identifier_type, identifier_value, value_key
),

values_now as (
    select distinct
        node_id,
        identifier_type,
        identifier_value
    from {{ ref('node_values') }}
    where node_id in (select node_id from places)
),

-- of each value: who carried it, and who still links by it
carriers as (
    select
        places.former_id,
        places.customer_id,
        linked.identifier_type,
        linked.identifier_value,
        linked.value_key,
        linked.node_id,
        pinned_now.override_id as pinned_by,
        still.node_id is not null and pinned_now.record_key is null as is_carried,
        still.node_id is null and scoped.node_id is not null as has_other_scope
    from places
    inner join linked_before as linked on places.node_id = linked.node_id
    left join pinned_now on linked.node_id = pinned_now.record_key
    left join {{ ref('node_values') }} as still
        on linked.node_id = still.node_id and linked.value_key = still.value_key
    left join values_now as scoped
        on
            linked.node_id = scoped.node_id
            and linked.identifier_type = scoped.identifier_type
            and linked.identifier_value = scoped.identifier_value
),

sides as (
    select
        former_id,
        customer_id,
        value_key,
        max(identifier_type) as identifier_type,
        max(identifier_value) as identifier_value,
        min(node_id) as carrier,
        min(case when not is_carried then node_id end) as loser,
        min(case when pinned_by is not null then node_id end) as pinned_record,
        min(pinned_by) as pinned_by,
        {{ bool_or('is_carried') }} as is_carried,
        {{ bool_or('has_other_scope') }} as has_other_scope
    from carriers
    group by former_id, customer_id, value_key
),

-- of two parts that a value held together one lost it, or the value itself was refused
by_value as (
    select
        ours.former_id,
        ours.customer_id,
        case
            when limits.identifier_type is null or ours.has_other_scope or theirs.has_other_scope
                then 'same ' || ours.identifier_type || ' no longer: the rules changed'
            when judged.refused_because is not null
                then 'same ' || ours.identifier_type || ' no longer: quarantined, ' || judged.refused_because
            when not ours.is_carried and ours.pinned_by is not null
                then 'override ' || ours.pinned_by || ' pinned ' || ours.pinned_record
            when not theirs.is_carried and theirs.pinned_by is not null
                then 'override ' || theirs.pinned_by || ' pinned ' || theirs.pinned_record
            else
                'same ' || ours.identifier_type || ' no longer: '
                || case when ours.is_carried then theirs.loser else ours.loser end
                || case when ours.is_carried and theirs.customer_id is null then ' is gone' else ' was corrected' end
        end as cause,
        ours.identifier_value as link_value,
        case
            when coalesce(ours.pinned_by, theirs.pinned_by) is not null then 0
            else 3 + coalesce(limits.priority, 0)
        end as strength_rank,
        case when ours.is_carried then ours.carrier else ours.loser end as record_a,
        case when theirs.is_carried then theirs.carrier else theirs.loser end as record_b
    from sides as ours
    inner join sides as theirs
        on
            ours.former_id = theirs.former_id
            and ours.value_key = theirs.value_key
            and ours.customer_id is distinct from theirs.customer_id
    left join {{ ref('identifier_values') }} as judged on ours.value_key = judged.value_key
    left join {{ ref('config_identifiers') }} as limits on ours.identifier_type = limits.identifier_type
    -- where both still link by it, a constraint keeps them apart
    where
        not ours.is_carried
        or not theirs.is_carried
        or limits.identifier_type is null
        or judged.refused_because is not null
),

found as (
    select * from by_pair
    union all
    select * from by_value
),

final as (
    select
        former_id,
        customer_id,
        cause,
        link_value,
        record_a,
        record_b,
        row_number() over (
            partition by former_id, customer_id order by strength_rank, cause, record_a, record_b, link_value
        ) as place
    from found
    where customer_id is not null
)
{% else %}
final as (
    select
        assigned.node_id as former_id,
        assigned.customer_id,
        carried.node_id as cause,
        carried.identifier_value as link_value,
        skipped.node_a as record_a,
        skipped.node_b as record_b,
        1 as place
    from {{ ref('int_identity__assigned') }} as assigned
    inner join {{ ref('node_values') }} as carried on assigned.node_id = carried.node_id
    inner join {{ ref('skipped_links') }} as skipped on carried.node_id = skipped.node_a
    inner join {{ ref('identifier_values') }} as judged on carried.value_key = judged.value_key
    inner join {{ ref('config_identifiers') }} as limits on carried.identifier_type = limits.identifier_type
    where false
)
{% endif %}

select
    former_id,
    customer_id,
    cause,
    link_value,
    record_a,
    record_b
from final
where place = 1
