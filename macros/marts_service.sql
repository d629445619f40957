{#- Stages of a ticket whose word is plain in any help desk. Anything else (a code, a team's own word) tells nothing. -#}
{% macro is_open_stage(stage) -%}
    {{ stage }} in ('new', 'open', 'pending', 'hold', 'on_hold', 'on-hold', 'waiting', 'in_progress', 'reopened')
{%- endmacro %}
{% macro is_solved_stage(stage) -%}
    {{ stage }} in ('solved', 'resolved', 'closed', 'done', 'cancelled', 'canceled', 'merged', 'spam')
{%- endmacro %}

{#- A case id that somebody wrote into a subject line. -#}
{% macro case_id_in(subject) -%}
    nullif({{ regexp_find('lower(' ~ subject ~ ')', 'case-[0-9a-f]{16}') }}, '')
{%- endmacro %}

{#- Whole microseconds between two moments: sums of them do not depend on the order of adding up. -#}
{% macro micros_between(start, finish) -%} {{ return(adapter.dispatch('micros_between')(start, finish)) }} {%- endmacro %}
{% macro duckdb__micros_between(start, finish) -%}
    {{ return('(epoch_us(' ~ finish ~ ') - epoch_us(' ~ start ~ '))') }}
{%- endmacro %}
{% macro default__micros_between(start, finish) -%}
    {{ return('(unix_micros(' ~ finish ~ ') - unix_micros(' ~ start ~ '))') }}
{%- endmacro %}

{#- Quantile of a group with linear interpolation (NumPy's default). -#}
{% macro quantile_of(expression, share) -%} {{ return(adapter.dispatch('quantile_of')(expression, share)) }} {%- endmacro %}
{% macro duckdb__quantile_of(expression, share) -%}
    {{ return('quantile_cont(' ~ expression ~ ', ' ~ share ~ ')') }}
{%- endmacro %}
{% macro default__quantile_of(expression, share) -%}
    {{ return('percentile(' ~ expression ~ ', ' ~ share ~ ')') }}
{%- endmacro %}

{#- A moment some hours later. -#}
{% macro add_hours(moment, hours) -%} {{ return(adapter.dispatch('add_hours')(moment, hours)) }} {%- endmacro %}
{% macro duckdb__add_hours(moment, hours) -%} {{ return('(' ~ moment ~ ' + to_hours(' ~ hours ~ '))') }} {%- endmacro %}
{% macro default__add_hours(moment, hours) -%}
    {{ return('(' ~ moment ~ ' + make_dt_interval(0, ' ~ hours ~ ', 0, 0))') }}
{%- endmacro %}
