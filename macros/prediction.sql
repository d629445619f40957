{#- Whole days from one date to another. -#}
{% macro days_between(start, finish) -%} {{ return(adapter.dispatch('days_between')(start, finish)) }} {%- endmacro %}
{% macro duckdb__days_between(start, finish) -%} {{ return("date_diff('day', " ~ start ~ ', ' ~ finish ~ ')') }} {%- endmacro %}
{% macro default__days_between(start, finish) -%} {{ return('datediff(' ~ finish ~ ', ' ~ start ~ ')') }} {%- endmacro %}

{#- Does the word a source uses for a subscription's state say that it is over? No word says no. -#}
{% macro is_ended_status(column) -%}
    (coalesce({{ column }}, 'active') in (
        'cancelled', 'canceled', 'ended', 'expired', 'terminated', 'inactive', 'incomplete_expired'
    ))
{%- endmacro %}
