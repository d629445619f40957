{#- Who was who at a past moment (UTC): one row per customer_id that existed then, with the id that stood for its people.
    Reads the history, so it answers for merges that were undone since. Ids are looked up in one step: when the id that stands
    for others is absorbed itself, the history says so for each of them. -#}
{% macro customers_as_of(instant) -%}
    select
        old_customer_id as customer_id,
        new_customer_id as stood_for_by
    from (
        select
            old_customer_id,
            new_customer_id,
            row_number() over (partition by old_customer_id order by event_seq desc) as age
        from {{ ref('customer_id_history') }}
        where event in ('created', 'merged', 'split') and occurred_at <= {{ instant }}
    ) as told
    where age = 1
{%- endmacro %}

{#- Whose each record was at a past moment (UTC): record_id (source.table:key, of a record that carries an identifier, or the node
    of several that carry the same) and the customer_id that owned it then. A record that was not there yet, or was deleted by then,
    has no row; nor has any before the first build. Records that never change (events, answers) are there from the build on in
    which their identifiers first were. To follow an id from then until today: customers_as_of, customer_redirects. -#}
{% macro record_owners_as_of(instant) -%}
    select
        record_id,
        customer_id
    from (
        with

        nodes_then as (
            {{ value_as_of(
                instant, ref('node_customers'), ref('node_owner_changes'), 'node_id', 'customer_id', 'old_customer_id'
            ) }}
        ),

        records_now as (
            select
                record_id,
                node_id
            from {{ ref('stg_record_nodes') }}
            where node_id <> record_id
        ),

        records_then as (
            {{ value_as_of(instant, 'records_now', ref('record_node_changes'), 'record_id', 'node_id', 'old_node_id') }}
        ),

        started as (
            select min(occurred_at) as first_build_at from {{ ref('customer_id_history') }}
        ),

        owned as (
            select
                node_id as record_id,
                customer_id
            from nodes_then
            union all
            select
                records_then.record_id,
                nodes_then.customer_id
            from records_then
            inner join nodes_then on records_then.node_id = nodes_then.node_id
        )

        select
            owned.record_id,
            owned.customer_id
        from owned
        cross join started
        where owned.customer_id is not null and started.first_build_at <= {{ instant }}
    ) as owned_then
{%- endmacro %}

{#- A value per key at a past moment, from what it is now (`present`: key, value) and the changes since (`changes`: key, what it was
    before, change_seq, occurred_at): what the first change after that moment says it was, else what it is. Null is "not there". -#}
{% macro value_as_of(instant, present, changes, key, value, value_before) -%}
    select
        coalesce(present.{{ key }}, later.{{ key }}) as {{ key }},
        case when later.{{ key }} is not null then later.{{ value_before }} else present.{{ value }} end as {{ value }}
    from {{ present }} as present
    full join (
        select
            {{ key }},
            {{ value_before }}
        from (
            select
                {{ key }},
                {{ value_before }},
                row_number() over (partition by {{ key }} order by change_seq) as place
            from {{ changes }}
            where occurred_at > {{ instant }}
        ) as changed
        where place = 1
    ) as later on present.{{ key }} = later.{{ key }}
{%- endmacro %}
