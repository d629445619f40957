{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false, schema='marts') }}
-- Grain: one row per change of identity. Memory: append-only, a full refresh keeps it.
-- Each event is derived from the registry and what this table already says, never from the order in which a build was
-- interrupted: a build that was killed after writing here finds nothing left to say.
-- depends_on: {{ ref('affected_nodes') }}
{% set known = is_incremental() %}
{% set partial = is_incremental() and is_partial_identity() %}
with

{% if partial %}
changed as (
    {{ reassigned_ids() }}
),

{% endif %}
registry as (
    select * from {{ ref('registry') }}
    {% if partial %}
    where customer_id in (select customer_id from changed)
    {% endif %}
),

redirects as (
    select
        old_customer_id,
        new_customer_id
    from {{ ref('customer_redirects') }}
    {% if partial %}
    where old_customer_id in (select customer_id from changed)
    {% endif %}
),

causes as (
    select
        absorbed_id,
        min(cause) as cause,
        min(record_a) as record_a,
        min(record_b) as record_b
    from {{ ref('merge_causes') }}
    group by absorbed_id
),

told as (
    {% if known %}
    select
        old_customer_id,
        new_customer_id,
        event,
        row_number() over (partition by old_customer_id order by event_seq desc) as age
    from {{ this }}
    where
        event in ('created', 'merged', 'split')
        {% if partial %}
        and old_customer_id in (select customer_id from changed)
        {% endif %}
    {% else %}
    select
        cast(null as {{ sql_type('string') }}) as old_customer_id,
        cast(null as {{ sql_type('string') }}) as new_customer_id,
        cast(null as {{ sql_type('string') }}) as event,
        1 as age
    where false
    {% endif %}
),

created as (
    select
        registry.customer_id as old_customer_id,
        registry.customer_id as new_customer_id,
        'created' as event,
        case
            when registry.former_customer_id is null then 'new record'
            else 'split from ' || registry.former_customer_id
        end as cause,
        registry.seed_record as record_a,
        cast(null as {{ sql_type('string') }}) as record_b
    from registry
    where
        registry.cause = 'minted'
        and registry.customer_id not in (select new_customer_id from told where event = 'created')
),

absorbed as (
    select
        redirects.old_customer_id,
        redirects.new_customer_id,
        'merged' as event,
        coalesce(causes.cause, 'linked through other records') as cause,
        causes.record_a,
        causes.record_b
    from redirects
    left join causes on redirects.old_customer_id = causes.absorbed_id
    left join told on redirects.old_customer_id = told.old_customer_id and told.age = 1
    where told.event is null or told.event <> 'merged' or told.new_customer_id <> redirects.new_customer_id
),

-- told as merged, and no longer redirected: it stands for itself again if there is still a record to seed it
freed as (
    select
        told.old_customer_id as customer_id,
        told.new_customer_id as former_id
    from told
    left join redirects on told.old_customer_id = redirects.old_customer_id
    where told.age = 1 and told.event = 'merged' and redirects.old_customer_id is null
),

freed_seeds as (
    select
        customer_id,
        {{ max_by('seed_record', 'registry_seq') }} as seed_record
    from registry
    where customer_id in (select customer_id from freed)
    group by customer_id
),

restored as (
    select
        freed.customer_id as old_customer_id,
        freed.customer_id as new_customer_id,
        'split' as event,
        'no longer linked to ' || freed.former_id as cause,
        cast(null as {{ sql_type('string') }}) as record_a,
        cast(null as {{ sql_type('string') }}) as record_b
    from freed
    inner join freed_seeds on freed.customer_id = freed_seeds.customer_id
    inner join {{ ref('node_customers') }} as owners on freed_seeds.seed_record = owners.node_id
),

cuts as (
    select
        least(customer_a, customer_b) as old_customer_id,
        greatest(customer_a, customer_b) as new_customer_id,
        'cut' as event,
        'the link ' || link || ' was not used: ' || reason as cause,
        record_a,
        record_b
    from {{ ref('review_queue') }}
    where item = 'cut'
),

pins as (
    select
        owners.customer_id as old_customer_id,
        owners.customer_id as new_customer_id,
        'pinned' as event,
        'override ' || effects.override_id as cause,
        effects.record_key as record_a,
        cast(null as {{ sql_type('string') }}) as record_b
    from {{ source('identity_memory', 'override_effects') }} as effects
    inner join {{ ref('node_customers') }} as owners on effects.record_key = owners.node_id
    where effects.effect = 'pinned'
),

noted as (
    select * from cuts
    union all
    select * from pins
    {% if known %}
    except
    select
        old_customer_id,
        new_customer_id,
        event,
        cause,
        record_a,
        record_b
    from {{ this }}
    where event in ('cut', 'pinned')
    {% endif %}
),

-- the order inside one build: ids are created before they can be merged
events as (
    select
        *,
        1 as step
    from created
    union all
    select
        *,
        2 as step
    from restored
    union all
    select
        *,
        3 as step
    from absorbed
    union all
    select
        *,
        4 as step
    from noted
)

select
    cast(
        {% if known %} (select coalesce(max(event_seq), 0) from {{ this }}) {% else %} 0 {% endif %}
        + row_number() over (order by step, old_customer_id, new_customer_id, cause, record_a) as bigint
    ) as event_seq,
    event,
    old_customer_id,
    new_customer_id,
    cause,
    record_a,
    record_b,
    clock.run_id,
    clock.as_of as occurred_at
from events
cross join {{ ref('run_clock') }} as clock
