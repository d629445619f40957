-- Grain: one row per node of a broken component and trait that bounds it, with the bound of that component. Work of one build.
with

carried as (
    select
        broken.component,
        broken.node_id,
        coalesce(units.other_key, broken.node_id) as unit_id,
        traits.trait,
        traits.trait_value,
        traits.reason,
        traits.most,
        traits.window_days,
        traits.seen_at
    from {{ ref('int_identity__broken') }} as broken
    inner join {{ ref('int_identity__traits') }} as traits on broken.node_id = traits.node_id
    left join {{ source('identity_memory', 'override_effects') }} as units
        on broken.node_id = units.record_key and units.effect = 'unit'
),

own as (
    select
        component,
        trait,
        max(own_values) as most
    from (
        select
            component,
            unit_id,
            trait,
            count(distinct trait_value) as own_values
        from carried
        group by component, unit_id, trait
    ) as per_unit
    group by component, trait
)

select
    carried.node_id,
    carried.trait,
    carried.trait_value,
    carried.reason,
    case when carried.most is not null then greatest(carried.most, own.most) end as most,
    carried.window_days,
    carried.seen_at
from carried
inner join own on carried.component = own.component and carried.trait = own.trait
