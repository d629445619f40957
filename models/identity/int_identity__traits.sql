{{ config(materialized='view') }}
-- Grain: one row per identity node and thing that bounds who can be one person with it: a value of a type that a customer may
-- hold only so often, a birth date, the side of a split. `most` is the number of different values one customer may have.
-- Of values only those of the nodes worked out in this build.
with

limited as (
    select
        identifiers.node_id,
        identifiers.identifier_type || ' ' || identifiers.scope_value as trait,
        identifiers.identifier_value as trait_value,
        'more than ' || limits.max_per_customer || ' ' || identifiers.identifier_type as reason,
        limits.max_per_customer as most,
        limits.window_days,
        identifiers.first_seen_at as seen_at
    from {{ ref('int_identity__worked_values') }} as identifiers
    inner join {{ ref('config_identifiers') }} as limits on identifiers.identifier_type = limits.identifier_type
    where limits.max_per_customer is not null and identifiers.refused_because is null
),

born as (
    select
        node_id,
        'birth date' as trait,
        cast(birth_date as {{ sql_type('string') }}) as trait_value,
        'contradictory birth dates' as reason,
        cast(null as {{ sql_type('int') }}) as most,
        cast(null as {{ sql_type('int') }}) as window_days,
        cast(null as timestamp) as seen_at
    from {{ ref('int_identity__node_facts') }}
    -- what somebody joined by hand is one person, whatever its dates say
    where
        birth_date is not null
        and node_id not in (
            select record_key
            from {{ source('identity_memory', 'override_effects') }}
            where effect = 'unit'
        )
),

split as (
    select
        record_key as node_id,
        'split ' || override_id as trait,
        cast(side as {{ sql_type('string') }}) as trait_value,
        'kept apart by hand' as reason,
        1 as most,
        cast(null as {{ sql_type('int') }}) as window_days,
        cast(null as timestamp) as seen_at
    from {{ source('identity_memory', 'override_effects') }}
    where effect = 'apart'
)

select * from limited
union all
select * from born
union all
select * from split
