{#- Values that are no identifier by their look: one digit repeated (0000000000, +84000000000), a run of zeros at the end. -#}
{% macro is_placeholder(type, value) -%}
    (
        ({{ type }} = 'phone' and {{ matches(value, '(0{7,}|1{7,}|2{7,}|3{7,}|4{7,}|5{7,}|6{7,}|7{7,}|8{7,}|9{7,}|123456789$)') }})
        or ({{ type }} not in ('phone', 'email') and {{ matches(value, '^[0-]*$') }})
    )
{%- endmacro %}

{% macro before_at(email) -%} {{ return(adapter.dispatch('before_at')(email)) }} {%- endmacro %}
{% macro default__before_at(email) -%} {{ return("split_part(" ~ email ~ ", '@', 1)") }} {%- endmacro %}

{% macro after_at(email) -%} {{ return(adapter.dispatch('after_at')(email)) }} {%- endmacro %}
{% macro default__after_at(email) -%} {{ return("split_part(" ~ email ~ ", '@', 2)") }} {%- endmacro %}

{% macro bool_or(expression) -%} {{ return(adapter.dispatch('bool_or')(expression)) }} {%- endmacro %}
{% macro default__bool_or(expression) -%} {{ return('bool_or(' ~ expression ~ ')') }} {%- endmacro %}

{#- What a table held after the last build, for models that compare with it; none before the first one. It is read by
    name, not by ref: the model that writes it runs later in this build. -#}
{% macro previous(schema, name) -%}
    {%- if execute -%} {{ return(adapter.get_relation(target.database, schema, name)) }} {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{% macro mix(expression, round) -%} {{ return(adapter.dispatch('mix')(expression, round)) }} {%- endmacro %}
{% macro duckdb__mix(expression, round) -%} {{ return('hash(' ~ expression ~ ', ' ~ round ~ ')') }} {%- endmacro %}
{% macro default__mix(expression, round) -%} {{ return('xxhash64(' ~ expression ~ ', ' ~ round ~ ')') }} {%- endmacro %}

{#- The device an event happened on; an event without one stands with its own identifiers, else alone. -#}
{% macro device_of() -%} coalesce(source || ':' || anonymous_id, node_id, record_id) {%- endmacro %}
