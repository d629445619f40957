{#- Trimmed text; empty is null, because exports write absent values as ''. -#}
{% macro clean_text(column) -%} nullif(trim({{ column }}), '') {%- endmacro %}

{#- A code word of a source (status, channel): lower case, so that `Paid` and `paid` are one. -#}
{% macro normalize_code(column) -%} nullif(lower(trim({{ column }})), '') {%- endmacro %}

{#- What names of countries are compared by: letters and digits only, folded. -#}
{% macro lookup_key(column) -%}
    nullif({{ regexp_replace_all(folded(column), '[ -/:-@\\[-`{-~·・、。،’‘ʼ´\u00a0\t\n]', '') }}, '')
{%- endmacro %}
