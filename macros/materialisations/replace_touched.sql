{#- Incremental strategy: delete every touched row, insert what the model gives for them, in one transaction.
    dbt's delete+insert deletes only keys that come back, so the rows of an absorbed customer or of a deleted
    record would stay. Config: touch_column (default touch_key) and touched_sql (default: table `touched`). -#}
{% macro get_incremental_replace_touched_sql(arg_dict) %}
    {%- set touch_column = config.get('touch_column', 'touch_key') -%}
    {%- set touched_sql = config.get('touched_sql', 'select touch_key from staging.touched') -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ touch_column }} in ({{ touched_sql }});
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{#- Filter of a `replace_touched` model: the touched rows on an incremental build, all of them otherwise. -#}
{% macro is_touched(column) -%}
    {%- set touched = ref('touched') -%}
    {%- if is_incremental() -%}{{ column }} in (select touch_key from {{ touched }}){%- else -%}true{%- endif -%}
{%- endmacro %}
