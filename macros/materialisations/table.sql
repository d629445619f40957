{#- Tables are replaced in place: drop, create and fill in one transaction. dbt-duckdb builds beside, renames twice and drops in a second
    transaction, which costs several times the small statements that most models are. Readers of the file see the old table until the
    commit, and so does a build that is killed. Python models write through a connection of their own, so they keep the renaming. -#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set language = model['language'] -%}
    {{ run_hooks(pre_hooks) }}
    {% if language == 'sql' %}
        {{ replace_table(existing, target_relation) }}
    {% else %}
        {%- set beside = make_intermediate_relation(target_relation) -%}
        {% do drop_relation_if_exists(load_cached_relation(beside)) %}
        {% call statement('main', language='python') %}
            {{- create_table_as(False, beside, compiled_code, 'python') }}
        {% endcall %}
        {{ put_in_place(beside, existing, target_relation) }}
    {% endif %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Put the rows of a SQL model in the place of whatever stands there. -#}
{% macro replace_table(existing, target_relation) %}
    {% if existing is not none and not existing.is_table %}{% do adapter.drop_relation(existing) %}{% endif %}
    {% call statement('main') %}
        drop table if exists {{ target_relation }};
        {{ create_table_as(False, target_relation, compiled_code, 'sql') }}
    {% endcall %}
{% endmacro %}

{#- A table that was written beside gets the name. -#}
{% macro put_in_place(beside, existing, target_relation) %}
    {% do drop_relation_if_exists(existing) %}
    {% do adapter.rename_relation(beside, target_relation) %}
{% endmacro %}
