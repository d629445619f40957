{#- Engine-specific SQL of the commerce marts: days, months and medians; dispatched, so that models stay portable. -#}

{#- Whole days from one date to another. -#}
{% macro days_between(start, finish) -%} {{ return(adapter.dispatch('days_between')(start, finish)) }} {%- endmacro %}
{% macro duckdb__days_between(start, finish) -%} {{ return("date_diff('day', " ~ start ~ ', ' ~ finish ~ ')') }} {%- endmacro %}
{% macro default__days_between(start, finish) -%} {{ return('datediff(' ~ finish ~ ', ' ~ start ~ ')') }} {%- endmacro %}

{#- A date some days later; the number may be an expression. -#}
{% macro days_later(date, days) -%} {{ return(adapter.dispatch('days_later')(date, days)) }} {%- endmacro %}
{% macro duckdb__days_later(date, days) -%}
    {{ return('cast(' ~ date ~ ' + to_days(cast(' ~ days ~ ' as integer)) as date)') }}
{%- endmacro %}
{% macro default__days_later(date, days) -%} {{ return('date_add(' ~ date ~ ', cast(' ~ days ~ ' as int))') }} {%- endmacro %}

{#- A timestamp some days or months earlier; the number may be an expression. -#}
{% macro time_before(moment, count, unit) -%} {{ return(adapter.dispatch('time_before')(moment, count, unit)) }} {%- endmacro %}
{% macro duckdb__time_before(moment, count, unit) -%}
    {{ return('(' ~ moment ~ ' - to_' ~ unit ~ '(cast(' ~ count ~ ' as integer)))') }}
{%- endmacro %}
{% macro default__time_before(moment, count, unit) -%}
    {%- set interval = {'days': 'make_dt_interval(' ~ count ~ ')', 'months': 'make_ym_interval(0, ' ~ count ~ ')'}[unit] -%}
    {{ return('(' ~ moment ~ ' - ' ~ interval ~ ')') }}
{%- endmacro %}

{#- What a company's orders are counted in. -#}
{% macro reporting_currency() -%} '{{ env_var("CDP_CURRENCY", "USD") }}' {%- endmacro %}

{#- The stored thresholds, none before the first build (and none where an early version left a table of another shape). -#}
{% macro stored_rfm_thresholds() -%}
    {%- set stored = previous('marts', 'rfm_thresholds') -%}
    {%- if stored and 'computed_at' in adapter.get_columns_in_relation(stored) | map(attribute='name') -%}
        {{ return(stored) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
