{{ config(schema='marts') }}
-- Grain: one row per customer and constraint that the exact links break. Until links are cut (see README, Limits) these
-- are counted and warned about; nobody is split.
with

-- max_per_customer counts values inside one scope: one user_id in each source is no contradiction
per_scope as (
    select
        owners.customer_id,
        identifiers.identifier_type,
        identifiers.scope_value,
        count(distinct identifiers.identifier_value) as distinct_values
    from {{ ref('int_identity__identifiers') }} as identifiers
    inner join {{ ref('node_customers') }} as owners on identifiers.node_id = owners.node_id
    where identifiers.refused_because is null
    group by owners.customer_id, identifiers.identifier_type, identifiers.scope_value
),

too_many_values as (
    select
        per_scope.customer_id,
        'more than ' || limits.max_per_customer || ' ' || per_scope.identifier_type as reason,
        max(per_scope.distinct_values) as measured
    from per_scope
    inner join {{ ref('config_identifiers') }} as limits on per_scope.identifier_type = limits.identifier_type
    where per_scope.distinct_values > limits.max_per_customer
    group by per_scope.customer_id, per_scope.identifier_type, limits.max_per_customer
),

birth_dates as (
    select
        owners.customer_id,
        'contradictory birth dates' as reason,
        count(distinct contacts.birth_date) as measured
    from {{ ref('stg_contacts') }} as contacts
    inner join {{ ref('node_customers') }} as owners on contacts.node_id = owners.node_id
    group by owners.customer_id
    having count(distinct contacts.birth_date) > 1
),

sizes as (
    select
        customer_id,
        'more than {{ env_var("CDP_MAX_CLUSTER_SIZE", "500") }} records' as reason,
        max(component_size) as measured
    from {{ ref('node_customers') }}
    group by customer_id
    having max(component_size) > {{ env_var('CDP_MAX_CLUSTER_SIZE', '500') }}
)

select
    customer_id,
    reason,
    cast(measured as bigint) as measured
from too_many_values
union all
select
    customer_id,
    reason,
    cast(measured as bigint) as measured
from birth_dates
union all
select
    customer_id,
    reason,
    cast(measured as bigint) as measured
from sizes
