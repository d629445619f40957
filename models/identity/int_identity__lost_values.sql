{{ config(materialized='ephemeral') }}
-- Grain: one row per two parts of a customer_id of before (both ways round) and value that held them together; with what became of
-- it: refused, corrected at one of its records, gone with the record, pinned, or no identifier any more.
with

places as (
    select
        node_id,
        former_id,
        customer_id
    from {{ ref('int_identity__parted') }}
),

held_before as (
    select * from {{ ref('int_identity__held_before') }}
),

pinned_now as (
    select * from {{ ref('int_identity__pinned_now') }}
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
        not coalesce(verdicts_before.did_link, held.refused_because is null) as was_refused
    from {{ ref('int_identity__worked_values') }} as held
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
    from {{ ref('int_identity__worked_values') }}
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
    left join {{ ref('int_identity__worked_values') }} as still
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
final as (
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
)

select * from final
