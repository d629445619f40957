{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
-- Grain: one row per customer_id and seed record it was given. Memory: append-only, a full refresh keeps it.
-- An id lives where its seed record is. A cluster without any seed mints one on its smallest node; an id whose
-- seed record has vanished moves to the smallest node that is left of its former people; an absorbed one is looked for
-- among the people of the id that stands for it.
-- depends_on: {{ ref('affected_nodes') }}
{% set before = previous('identity', 'node_customers') %}
{% set partial = is_incremental() and is_partial_identity() %}
{% set redirects = previous('marts', 'customer_redirects') %}
with

clusters as (
    select
        node_id,
        cluster
    from {{ ref('node_clusters') }}
    where {{ is_reassigned('node_id') }}
),

registered as (
    {% if is_incremental() %}
    select
        customer_id,
        seed_record,
        minted_seq,
        row_number() over (partition by customer_id order by registry_seq desc) as age,
        registry_seq,
        cause
    from {{ this }}
    {% if partial %}
    where
        customer_id in (
            select customer_id from {{ this }} where seed_record in (select node_id from {{ ref('affected_nodes') }})
        )
    {% endif %}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as customer_id,
        cast(null as {{ sql_type('string') }}) as seed_record,
        cast(null as bigint) as minted_seq,
        1 as age,
        cast(null as bigint) as registry_seq,
        cast(null as {{ sql_type('string') }}) as cause
    where false
    {% endif %}
),

given as (
    {% if is_incremental() %}
    select
        coalesce(max(minted_seq), 0) + 1 as next_minted_seq,
        coalesce(max(registry_seq), 0) + 1 as next_registry_seq
    from {{ this }}
    {% else %}
    select
        1 as next_minted_seq,
        1 as next_registry_seq
    {% endif %}
),

seeds as (
    select
        registered.customer_id,
        registered.seed_record,
        registered.minted_seq,
        clusters.cluster
    from registered
    left join clusters on registered.seed_record = clusters.node_id
    where registered.age = 1 and {{ is_reassigned('registered.seed_record') }}
),

owners_before as (
    {% if before %}
    select
        node_id,
        customer_id
    from {{ before }}
    where {{ is_reassigned('node_id') }}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as node_id,
        cast(null as {{ sql_type('string') }}) as customer_id
    where false
    {% endif %}
),

-- who stood for each id whose seed record has vanished
vanished as (
    select
        seeds.customer_id,
        seeds.minted_seq,
        -- noqa: disable=LT02
        {% if redirects %}
        coalesce(redirects.new_customer_id, seeds.customer_id) as standing_id
    from seeds
    left join {{ redirects }} as redirects on seeds.customer_id = redirects.old_customer_id
        {% else %}
        seeds.customer_id as standing_id
    from seeds
        {% endif %}
    -- noqa: enable=LT02
    where seeds.cluster is null
),

moved as (
    select
        vanished.customer_id,
        min(clusters.node_id) as seed_record,
        vanished.minted_seq
    from vanished
    inner join owners_before on vanished.standing_id = owners_before.customer_id
    inner join clusters on owners_before.node_id = clusters.node_id
    group by vanished.customer_id, vanished.minted_seq
),

seeded_clusters as (
    select cluster from seeds where cluster is not null
    union
    select clusters.cluster
    from moved
    inner join clusters on moved.seed_record = clusters.node_id
),

unseeded as (
    select
        cluster,
        min(node_id) as seed_record
    from clusters
    where cluster not in (select cluster from seeded_clusters)
    group by cluster
),

-- a record that seeded an id once, and comes back when that id lives elsewhere, must not make the same id again
minted_before as (
    select
        seed_record,
        count(*) as times
    from registered
    where cause = 'minted'
    group by seed_record
),

minted as (
    select
        'c_' || substr(
            md5(
                salts.salt || '|' || unseeded.seed_record
                || coalesce('|' || cast(minted_before.times as {{ sql_type('string') }}), '')
            ), 1, 16
        ) as customer_id,
        unseeded.seed_record,
        (select next_minted_seq from given) as minted_seq
    from unseeded
    left join minted_before on unseeded.seed_record = minted_before.seed_record
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
    cast((select next_registry_seq from given) as bigint) as registry_seq,
    added.cause,
    owners_before.customer_id as former_customer_id,
    clock.run_id,
    clock.as_of as registered_at
from added
left join owners_before
    on added.seed_record = owners_before.node_id and added.customer_id <> owners_before.customer_id
cross join {{ ref('run_clock') }} as clock
