{{ config(schema='staging') }}
-- Grain: one row per customer of this build, address or telephone and node that gave it with an order, a ticket, an answer or as a
-- further number of a contact: how somebody is reached of whom no record and no tracker tells a usable one.
with

usable as (
    select distinct
        customer_id,
        field
    from {{ ref('golden_votes') }}
    where field in ('email', 'phone') and {{ may_win() }}
),

told as (
    select
        node_id,
        field,
        value
    from {{ ref('golden_votes') }}
    where field in ('email', 'phone') and is_current
),

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
    where {{ is_touched_golden('customer_id') }}
),

rules as (
    select * from {{ ref('config_survivorship') }}
),

identifiers as (
    select
        owners.customer_id,
        identifiers.identifier_type as field,
        identifiers.identifier_value as value,
        identifiers.source,
        identifiers.node_id,
        identifiers.is_profile,
        identifiers.records,
        identifiers.first_seen_at,
        identifiers.last_seen_at
    from {{ ref('int_identity__identifiers') }} as identifiers
    inner join owners on identifiers.node_id = owners.node_id
    where identifiers.identifier_type in ('email', 'phone') and identifiers.refused_because is null
),

final as (
    select
        identifiers.customer_id,
        identifiers.field,
        identifiers.value,
        identifiers.source,
        identifiers.node_id,
        min(rules.strategy) as strategy,
        min(rules.place) as place,
        sum(identifiers.records) as mentions,
        min(identifiers.first_seen_at) as valid_from,
        max(identifiers.last_seen_at) as known_at
    from identifiers
    inner join rules on identifiers.field = rules.field and identifiers.source = rules.source
    left join usable on identifiers.customer_id = usable.customer_id and identifiers.field = usable.field
    -- what a record says of itself has been judged already
    left join told
        on
            identifiers.is_profile
            and identifiers.node_id = told.node_id
            and identifiers.field = told.field
            and identifiers.value = told.value
    left join {{ ref('int_golden__bounced') }} as bounced
        on
            identifiers.node_id = bounced.node_id
            and identifiers.field = bounced.field
            and identifiers.value = bounced.value
    where usable.customer_id is null and told.node_id is null and bounced.node_id is null
    group by
        identifiers.customer_id, identifiers.field, identifiers.value, identifiers.source, identifiers.node_id
)

select * from final
