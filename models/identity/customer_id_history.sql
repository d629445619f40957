{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    schema='marts',
    on_schema_change='append_new_columns',
) }}
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

-- of several builds that were killed the one whose link comes first
causes as (
    select
        absorbed_id,
        customer_id,
        cause,
        link_value,
        record_a,
        record_b
    from (
        select
            *,
            row_number() over (
                partition by absorbed_id, customer_id order by cause, record_a, record_b, link_value
            ) as place
        from {{ ref('merge_causes') }}
    ) as found
    where place = 1
),

parted as (
    select
        former_id,
        customer_id,
        cause,
        link_value,
        record_a,
        record_b
    from (
        select
            *,
            row_number() over (
                partition by former_id, customer_id order by cause, record_a, record_b, link_value
            ) as place
        from {{ ref('split_causes') }}
    ) as found
    where place = 1
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
            else 'split from ' || registry.former_customer_id || coalesce(': ' || parted.cause, '')
        end as cause,
        parted.link_value,
        coalesce(parted.record_a, registry.seed_record) as record_a,
        parted.record_b
    from registry
    left join parted
        on registry.former_customer_id = parted.former_id and registry.customer_id = parted.customer_id
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
        causes.link_value,
        causes.record_a,
        causes.record_b
    from redirects
    left join told on redirects.old_customer_id = told.old_customer_id and told.age = 1
    -- whose records its own were among before: of who stood for it, if somebody did
    left join causes
        on
            causes.absorbed_id
            = case when told.event = 'merged' then told.new_customer_id else redirects.old_customer_id end
            and redirects.new_customer_id = causes.customer_id
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
        'no longer linked to ' || freed.former_id || coalesce(': ' || parted.cause, '') as cause,
        parted.link_value,
        parted.record_a,
        parted.record_b
    from freed
    inner join freed_seeds on freed.customer_id = freed_seeds.customer_id
    inner join {{ ref('node_customers') }} as owners on freed_seeds.seed_record = owners.node_id
    left join parted on freed.former_id = parted.former_id and freed.customer_id = parted.customer_id
),

cuts as (
    select
        least(customer_a, customer_b) as old_customer_id,
        greatest(customer_a, customer_b) as new_customer_id,
        'cut' as event,
        'the link ' || link || ' was not used: ' || reason as cause,
        link_value,
        record_a,
        record_b
    from {{ ref('review_queue') }}
    where item = 'cut'
),

-- a decision is told once, with whose the record was before it
pins as (
    select
        coalesce(min(moves.former_id), min(owners.customer_id)) as old_customer_id,
        min(owners.customer_id) as new_customer_id,
        'pinned' as event,
        'override ' || effects.override_id as cause,
        cast(null as {{ sql_type('string') }}) as link_value,
        effects.record_key as record_a,
        cast(null as {{ sql_type('string') }}) as record_b
    from {{ source('identity_memory', 'override_effects') }} as effects
    inner join {{ ref('node_customers') }} as owners on effects.record_key = owners.node_id
    left join {{ ref('pin_moves') }} as moves
        on effects.override_id = moves.override_id and effects.record_key = moves.record_key
    where effects.effect = 'pinned'
    group by effects.override_id, effects.record_key
),

new_cuts as (
    select cuts.*
    from cuts
    {% if known %}
    left join {{ this }} as told_cuts
        on
            told_cuts.event = 'cut'
            and cuts.old_customer_id = told_cuts.old_customer_id
            and cuts.new_customer_id = told_cuts.new_customer_id
            and cuts.record_a = told_cuts.record_a
            and cuts.record_b = told_cuts.record_b
            and cuts.cause is not distinct from told_cuts.cause
    where told_cuts.event_seq is null
    {% endif %}
),

new_pins as (
    select * from pins
    {% if known %}
    where (cause, record_a) not in (select (cause, record_a) from {{ this }} where event = 'pinned')
    {% endif %}
),

noted as (
    select * from new_cuts
    union all
    select * from new_pins
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
        + row_number() over (order by step, old_customer_id, new_customer_id, cause, record_a, record_b) as bigint
    ) as event_seq,
    event,
    old_customer_id,
    new_customer_id,
    cause,
    link_value,
    record_a,
    record_b,
    clock.run_id,
    clock.as_of as occurred_at
from events
cross join {{ ref('run_clock') }} as clock
