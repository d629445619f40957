{#- The profile as of a moment (an SQL timestamp): one row per customer who had any field then, columns as in golden_records. A table
    expression over profile_history, for a company's own models. -#}
{% macro profile_as_of(moment) -%}
    (
        select
            customer_id,
            -- noqa: disable=LT02
            {% for unit in golden_units() %}
            {% for field in unit.fields %}
            max(case when field = '{{ unit.name }}' then {{ unpacked(unit, field, 'parts') }} end) as {{ field }},
            {% endfor %}
            {% endfor %}
            count(*) as fields
        -- noqa: enable=LT02
        from {{ ref('profile_history') }}
        where
            (valid_from is null or valid_from <= {{ moment }})
            and (valid_to is null or valid_to > {{ moment }})
        group by customer_id
    )
{%- endmacro %}
