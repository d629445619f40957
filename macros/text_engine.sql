{#- Engine-specific SQL over lists, dispatched; used by the text models. -#}

{#- One row per member of a list: a table expression of a select list. A row with an empty list has none. -#}
{% macro unnest_list(expression) -%} {{ return(adapter.dispatch('unnest_list')(expression)) }} {%- endmacro %}
{% macro duckdb__unnest_list(expression) -%} {{ return('unnest(' ~ expression ~ ')') }} {%- endmacro %}
{% macro default__unnest_list(expression) -%} {{ return('explode(' ~ expression ~ ')') }} {%- endmacro %}

{#- Members of a list as one text; null for an empty one. -#}
{% macro joined_list(expression) -%} {{ return(adapter.dispatch('joined_list')(expression)) }} {%- endmacro %}
{% macro duckdb__joined_list(expression) -%}
    {{ return("nullif(array_to_string(" ~ expression ~ ", ', '), '')") }}
{%- endmacro %}
{% macro default__joined_list(expression) -%}
    {{ return("nullif(array_join(" ~ expression ~ ", ', '), '')") }}
{%- endmacro %}

{#- Label of an answer for learning from texts: 1 good, 0 neither, -1 bad, by the metric's own bands (docs/text.md). Columns of
    stg_answers and config_questions by their names. -#}
{% macro answer_label(oriented) -%}
    case
        when metric = 'nps' and score >= {{ var('nps_promoter_min') }} then 1
        when metric = 'nps' and score <= {{ var('nps_detractor_max') }} then -1
        when metric = 'nps' then 0
        when metric in ('csat', 'ces') and {{ oriented }} >= coalesce(satisfied_from, easy_from) then 1
        when
            metric in ('csat', 'ces') and {{ oriented }} = coalesce(satisfied_from, easy_from) - 1
            and {{ oriented }} > scale_min
            then 0
        when metric in ('csat', 'ces') then -1
        -- a plain rating has no bands: thirds of its scale
        when 3 * ({{ oriented }} - scale_min) > 2 * (scale_max - scale_min) then 1
        when 3 * ({{ oriented }} - scale_min) < scale_max - scale_min then -1
        else 0
    end
{%- endmacro %}
