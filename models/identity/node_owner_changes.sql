{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
-- Grain: one row per change of the customer that an identity node belongs to; one that appears had none, one that is gone has none.
-- Memory: append-only, a full refresh keeps it. Nodes of the first build have no row for it. Compared is with what this table said
-- last, so a build that was killed after writing here, and ends in another way the next time, is told right.
-- depends_on: {{ ref('affected_nodes') }} {{ ref('run_clock') }}
{% set owners = previous('identity', 'node_customers') %}
with

now as (
    select
        node_id,
        customer_id
    from {{ ref('int_identity__assigned') }}
    {% if not owners %} where false {% endif %}
),

told as (
    {% if is_incremental() %}
    select
        node_id,
        new_customer_id
    from (
        select
            node_id,
            new_customer_id,
            row_number() over (partition by node_id order by change_seq desc) as age
        from {{ this }}
        where {{ is_reassigned('node_id') }}
    ) as changes
    where age = 1
    {% else %}
    select
        node_id,
        customer_id as new_customer_id
    from now
    where false
    {% endif %}
),

before as (
    {% if owners %}
    select
        node_id,
        customer_id
    from {{ owners }}
    where {{ is_reassigned('node_id') }}
    {% else %}
    select
        node_id,
        customer_id
    from now
    {% endif %}
),

known as (
    select
        coalesce(told.node_id, before.node_id) as node_id,
        case when told.node_id is not null then told.new_customer_id else before.customer_id end as customer_id
    from before
    full join told on before.node_id = told.node_id
),

changed as (
    select
        coalesce(known.node_id, now.node_id) as node_id,
        known.customer_id as old_customer_id,
        now.customer_id as new_customer_id
    from known
    full join now on known.node_id = now.node_id
    where known.customer_id is distinct from now.customer_id
)

select
    cast(
        {% if is_incremental() %} (select coalesce(max(change_seq), 0) from {{ this }}) {% else %} 0 {% endif %}
        + row_number() over (order by changed.node_id) as bigint
    ) as change_seq,
    changed.node_id,
    changed.old_customer_id,
    changed.new_customer_id,
    clock.run_id,
    clock.as_of as occurred_at
from changed
cross join {{ ref('run_clock') }} as clock
