-- Grain: one row per node of a component worked out in this build that breaks a constraint or holds a weak bridge, and so is
-- taken apart. Work of one build.
with

components as (
    select
        node_id,
        component,
        component_size
    from {{ ref('node_components') }}
    where {{ is_affected('node_id') }}
),

carried as (
    select
        components.component,
        coalesce(units.other_key, components.node_id) as unit_id,
        traits.trait,
        traits.trait_value,
        traits.most,
        traits.window_days,
        traits.seen_at
    from components
    inner join {{ ref('int_identity__traits') }} as traits on components.node_id = traits.node_id
    left join {{ source('identity_memory', 'override_effects') }} as units
        on components.node_id = units.record_key and units.effect = 'unit'
    where components.component_size > 1
),

-- a record that carries two values itself, or records joined by hand, prove that two are allowed
bounds as (
    select
        component,
        trait,
        max(most) as most,
        max(own) as own
    from (
        select
            component,
            unit_id,
            trait,
            max(most) as most,
            count(distinct trait_value) as own
        from carried
        where most is not null
        group by component, unit_id, trait
    ) as per_unit
    group by component, trait
),

counted as (
    select
        component,
        trait,
        max(values_near) as different
    from (
        select
            ours.component,
            ours.trait,
            ours.trait_value,
            count(distinct others.trait_value) as values_near
        from carried as ours
        inner join carried as others
            on
                ours.component = others.component
                and ours.trait = others.trait
                and {{ seen_within_window('ours', 'others') }}
        where ours.window_days is not null
        group by ours.component, ours.trait, ours.trait_value, ours.seen_at
    ) as near
    group by component, trait
    union all
    select
        component,
        trait,
        count(distinct trait_value) as different
    from carried
    where most is not null and window_days is null
    group by component, trait
),

born as (
    select distinct
        component,
        trait_value as born_on
    from carried
    where trait = 'birth date'
),

dates as (
    select
        component,
        count(*) as different
    from born
    group by component
),

found as (
    select counted.component
    from counted
    inner join bounds on counted.component = bounds.component and counted.trait = bounds.trait
    where counted.different > greatest(bounds.most, bounds.own)
    union
    select component
    from components
    where component_size > {{ max_cluster_size() }}
    union
    -- links that the other records of their component speak against
    select components.component
    from components
    inner join {{ source('identity_fuzzy', 'fuzzy_cuts') }} as cuts on components.node_id = cuts.record_a
    union
    -- 43 dates cannot all agree with each other: 31 days, or 12 months, and their swaps
    select component from dates where different > 43
    union
    select one.component
    from born as one
    inner join dates on one.component = dates.component and dates.different between 2 and 43
    inner join born as other on one.component = other.component and one.born_on < other.born_on
    where {{ birth_dates_contradict('one.born_on', 'other.born_on') }}
)

select
    components.component,
    components.node_id
from found
inner join components on found.component = components.component
