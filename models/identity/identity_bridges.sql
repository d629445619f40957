{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select customer_id from staging.touched_bridges',
) }}
-- Grain: one row per link that alone holds together two groups of at least two contact records each: where a wrong merge of two
-- people shows. Examined are the customers with the most contact records (int_identity__examined).
-- depends_on: {{ ref('touched_bridges') }}
with

examined as (
    select
        customer_id,
        link_key,
        kind,
        node_id,
        may_go
    from {{ ref('int_identity__examined') }}
    {% if is_incremental() %}
    where customer_id in (select customer_id from {{ ref('touched_bridges') }})
    {% endif %}
),

parts as (
    select
        customer_id,
        link_key,
        kind,
        node_id
    from examined
    where may_go
),

links as (
    select distinct
        customer_id,
        link_key,
        kind
    from parts
),

members as (
    select distinct
        customer_id,
        node_id
    from examined
),

placed as (
    select
        links.customer_id,
        links.link_key,
        links.kind,
        coalesce(trials.component, links.link_key || '>' || members.node_id) as part,
        count(people.node_id) as contacts
    from links
    inner join members on links.customer_id = members.customer_id
    left join {{ ref('int_identity__without') }} as trials
        on links.link_key || '>' || members.node_id = trials.node_id
    left join {{ ref('stg_contacts') }} as people on members.node_id = people.node_id
    group by
        links.customer_id,
        links.link_key,
        links.kind,
        coalesce(trials.component, links.link_key || '>' || members.node_id)
),

ranked as (
    select
        *,
        row_number() over (partition by customer_id, link_key order by contacts desc, part) as place
    from placed
    where contacts > 0
)

select
    customer_id,
    link_key,
    kind,
    cast(max(case when place = 1 then contacts end) as bigint) as contacts,
    cast(max(case when place = 2 then contacts end) as bigint) as other_contacts
from ranked
where place <= 2
group by customer_id, link_key, kind
having max(case when place = 2 then contacts end) >= 2
