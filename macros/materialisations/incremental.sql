{#- Incremental tables: an increment is worked out beside, compared with what stands there (on_schema_change) and taken in by the model's
    strategy; a full build replaces the table in place, as `table` does. dbt-duckdb builds beside, renames twice, asks for indexes and
    grants and drops in a second transaction, which costs several times the small statements that most models are. -#}
{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set language = model['language'] -%}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set is_whole = existing is none or not existing.is_table or should_full_refresh() -%}
    {{ run_hooks(pre_hooks) }}
    {% if is_whole and language == 'sql' %}
        {{ replace_table(existing, target_relation) }}
    {% elif is_whole %}
        {%- set beside = make_intermediate_relation(target_relation) -%}
        {% do drop_relation_if_exists(load_cached_relation(beside)) %}
        {% call statement('main', language='python') %}
            {{- create_table_as(False, beside, compiled_code, 'python') }}
        {% endcall %}
        {{ put_in_place(beside, existing, target_relation) }}
    {% else %}
        {%- set increment = make_temp_relation(target_relation) -%}
        {% call statement('increment', language=language) %}
            {{- create_table_as(True, increment, compiled_code, language) }}
        {% endcall %}
        {%- set columns = process_schema_changes(on_schema_change, increment, existing)
            or adapter.get_columns_in_relation(existing) -%}
        {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy')) -%}
        {% call statement('main') %}
            {{ strategy({
                'target_relation': target_relation, 'temp_relation': increment, 'unique_key': none, 'dest_columns': columns,
                'incremental_predicates': none,
            }) }};
            drop table {{ increment }}
        {% endcall %}
    {% endif %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
