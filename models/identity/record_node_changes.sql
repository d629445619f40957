{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
-- Grain: one row per change of the identity node of a record that can change and is no node of its own: an order that gets another
-- address. One that appears had none, one that is gone has none. Memory, as node_owner_changes is.
-- depends_on: {{ ref('stg_rows') }} {{ ref('work_loads') }} {{ ref('run_clock') }}
{% set nodes = previous('identity', 'record_nodes') %}
{% set worked %}
record_id in (select record_id from {{ ref('stg_rows') }} where load_id in (select load_id from {{ ref('work_loads') }}))
{% endset %}
{% set in_work = 'true' if flags.FULL_REFRESH else worked | trim %}
with

now as (
    select
        record_id,
        node_id
    from {{ ref('stg_record_nodes') }}
    where
        is_mutable
        and node_id <> record_id
        and {{ in_work if nodes else 'false' }}
),

told as (
    {% if is_incremental() %}
    select
        record_id,
        new_node_id
    from (
        select
            record_id,
            new_node_id,
            row_number() over (partition by record_id order by change_seq desc) as age
        from {{ this }}
        where {{ in_work }}
    ) as changes
    where age = 1
    {% else %}
    select
        record_id,
        node_id as new_node_id
    from now
    where false
    {% endif %}
),

before as (
    {% if nodes %}
    select
        record_id,
        node_id
    from {{ nodes }}
    where {{ in_work }}
    {% else %}
    select
        record_id,
        node_id
    from now
    {% endif %}
),

known as (
    select
        coalesce(told.record_id, before.record_id) as record_id,
        case when told.record_id is not null then told.new_node_id else before.node_id end as node_id
    from before
    full join told on before.record_id = told.record_id
),

changed as (
    select
        coalesce(known.record_id, now.record_id) as record_id,
        known.node_id as old_node_id,
        now.node_id as new_node_id
    from known
    full join now on known.record_id = now.record_id
    where known.node_id is distinct from now.node_id
)

select
    cast(
        {% if is_incremental() %} (select coalesce(max(change_seq), 0) from {{ this }}) {% else %} 0 {% endif %}
        + row_number() over (order by changed.record_id) as bigint
    ) as change_seq,
    changed.record_id,
    changed.old_node_id,
    changed.new_node_id,
    clock.run_id,
    clock.as_of as occurred_at
from changed
cross join {{ ref('run_clock') }} as clock
