{#- Does the word a source uses for a subscription's state say that it is over? No word says no. -#}
{% macro is_ended_status(column) -%}
    (coalesce({{ column }}, 'active') in (
        'cancelled', 'canceled', 'ended', 'expired', 'terminated', 'inactive', 'incomplete_expired'
    ))
{%- endmacro %}
