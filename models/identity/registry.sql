{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
-- Grain: one row per customer_id and seed record it was given. Memory: append-only, a full refresh keeps it.
-- An id lives where its seed record is. A component without any seed mints one on its smallest node; an id whose
-- seed record has vanished moves to the smallest node that is left of its former people.
{% set before = previous('identity', 'node_customers') %}
with

components as (
    select
        node_id,
        component
    from {{ ref('node_components') }}
),

registered as (
    {% if is_incremental() %}
    select
        customer_id,
        seed_record,
        minted_seq,
        row_number() over (partition by customer_id order by registry_seq desc) as age,
        registry_seq
    from {{ this }}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as customer_id,
        cast(null as {{ sql_type('string') }}) as seed_record,
        cast(null as bigint) as minted_seq,
        1 as age,
        cast(null as bigint) as registry_seq
    where false
    {% endif %}
),

seeds as (
    select
        registered.customer_id,
        registered.seed_record,
        registered.minted_seq,
        components.component
    from registered
    left join components on registered.seed_record = components.node_id
    where registered.age = 1
),

owners_before as (
    {% if before %}
    select
        node_id,
        customer_id
    from {{ before }}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as node_id,
        cast(null as {{ sql_type('string') }}) as customer_id
    where false
    {% endif %}
),

moved as (
    select
        seeds.customer_id,
        min(components.node_id) as seed_record,
        seeds.minted_seq
    from seeds
    inner join owners_before on seeds.customer_id = owners_before.customer_id
    inner join components on owners_before.node_id = components.node_id
    where seeds.component is null
    group by seeds.customer_id, seeds.minted_seq
),

seeded_components as (
    select component from seeds where component is not null
    union
    select components.component
    from moved
    inner join components on moved.seed_record = components.node_id
),

unseeded as (
    select
        component,
        min(node_id) as seed_record
    from components
    where component not in (select component from seeded_components)
    group by component
),

minted as (
    select
        'c_' || substr(md5(salts.salt || '|' || unseeded.seed_record), 1, 16) as customer_id,
        unseeded.seed_record,
        (select coalesce(max(minted_seq), 0) + 1 from registered) as minted_seq
    from unseeded
    cross join {{ source('ops', 'identity_salt') }} as salts
),

added as (
    select
        customer_id,
        seed_record,
        minted_seq,
        'minted' as cause
    from minted
    union all
    select
        customer_id,
        seed_record,
        minted_seq,
        'seed moved' as cause
    from moved
)

select
    added.customer_id,
    added.seed_record,
    cast(added.minted_seq as bigint) as minted_seq,
    cast((select coalesce(max(registry_seq), 0) + 1 from registered) as bigint) as registry_seq,
    added.cause,
    owners_before.customer_id as former_customer_id,
    clock.run_id,
    clock.as_of as registered_at
from added
left join owners_before
    on added.seed_record = owners_before.node_id and added.customer_id <> owners_before.customer_id
cross join {{ ref('run_clock') }} as clock
