{#- An audience's optional `reason` column as text; null where its model has none. -#}
{% macro reason_column(relation) -%}
    {%- if execute -%}
        {%- set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
    {%- else -%} {%- set names = [] -%} {%- endif -%}
    {{ 'cast(reason as ' ~ sql_type('string') ~ ')' if 'reason' in names else 'cast(null as ' ~ sql_type('string') ~ ')' }}
{%- endmacro %}
