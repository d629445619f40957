{#- Work of one build that later models of the same build read: a table of what an incremental build works out, a view when a full
    build works out everything, for then it is read once and writing it down would cost as much as the table it is for. -#}
{% materialization work_of_part, adapter='default' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set partial = is_partial_identity() -%}
    {%- set target_relation = this.incorporate(type='table' if partial else 'view') -%}
    {{ run_hooks(pre_hooks) }}
    {% if existing is not none %}{% do adapter.drop_relation(existing) %}{% endif %}
    {% call statement('main') %}
        {{ create_table_as(False, target_relation, sql) if partial else create_view_as(target_relation, sql) }}
    {% endcall %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
