{#- Engine-specific SQL that the marts need beyond macros/engine; dispatched, so that models stay portable. -#}

{#- Distinct non-null values of a group as one text in alphabetical order. -#}
{% macro distinct_list(expression) -%} {{ return(adapter.dispatch('distinct_list')(expression)) }} {%- endmacro %}
{% macro duckdb__distinct_list(expression) -%}
    {#- a third of what string_agg(distinct .. order by ..) costs: that sorts each group by itself -#}
    {{ return(
        "array_to_string(list_sort(list_distinct(list(" ~ expression ~ ") filter (where " ~ expression ~ " is not null))), ', ')"
    ) }}
{%- endmacro %}
{% macro default__distinct_list(expression) -%}
    {{ return("nullif(array_join(sort_array(collect_set(" ~ expression ~ ")), ', '), '')") }}
{%- endmacro %}

{#- Rows of first days of periods (day, week, month), from one such date to another, both included: a table expression of one column. -#}
{% macro period_series(first, last, period) -%}
    {{ return(adapter.dispatch('period_series')(first, last, period)) }}
{%- endmacro %}
{% macro duckdb__period_series(first, last, period) -%}
    cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 {{ period }})) as date)
{%- endmacro %}
{% macro default__period_series(first, last, period) -%}
    explode(sequence({{ first }}, {{ last }}, interval 1 {{ period }}))
{%- endmacro %}

{#- First day of the reporting month of a UTC timestamp. -#}
{% macro local_month(expression) -%} cast(date_trunc('month', {{ local_time(expression) }}) as date) {%- endmacro %}

{#- Whole calendar months from one date to another. -#}
{% macro months_apart(start, finish) -%}
    ((extract(year from {{ finish }}) - extract(year from {{ start }})) * 12
    + extract(month from {{ finish }}) - extract(month from {{ start }}))
{%- endmacro %}

{#- Host of a web address without `www.`; null where it has none. -#}
{% macro url_host(url) -%}
    nullif(regexp_extract(lower({{ url }}), '^[a-z]+://(www[.])?([^/:?#]+)', 2), '')
{%- endmacro %}

{#- Mean of durations in days, over whole seconds: a sum of doubles depends on the order of rows, and equal builds must give
    equal figures. -#}
{% macro mean_days(seconds, where) -%}
    cast(sum(cast(round({{ seconds }}) as bigint)) filter (where {{ where }}) as double)
    / nullif(count({{ seconds }}) filter (where {{ where }}), 0) / 86400
{%- endmacro %}
