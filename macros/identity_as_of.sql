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
