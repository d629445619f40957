{#- A part of a build adds to the table in two statements: what the model gives beside it, then the strategy (delete, insert). dbt-duckdb
    asks for the columns of both tables several times and for leftovers of other builds, which takes longer than most parts do.
    Columns: as `on_schema_change` says (ignore, fail, append_new_columns); one that the model gives no more stays, with nulls. -#}
{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set is_new = existing is none or not existing.is_table or should_full_refresh() -%}
    {{ run_hooks(pre_hooks) }}
    {% if model['language'] == 'python' %}
        {%- set beside = free_name_beside(target_relation) -%}
        {% call statement('main', language='python') %}
            {{- create_table_as(False, beside, compiled_code, 'python') }}
        {% endcall %}
        {% if is_new %}
            {% do put_in_place(beside, existing, target_relation) %}
        {% else %}
            {% do fill_more('', beside, target_relation) %}
        {% endif %}
    {% elif is_new %}
        {% do fill_anew(existing, target_relation) %}
    {% else %}
        {%- set beside = make_temp_relation(target_relation) -%}
        {% do fill_more(create_table_as(True, beside, compiled_code, 'sql'), beside, target_relation) %}
    {% endif %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- `making`: statements that make the table `beside`, if it is not there yet. It is dropped in the end. -#}
{% macro fill_more(making, beside, target_relation) %}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set written = [] -%}
    {% for column in run_query(making ~ columns_of_both(beside, target_relation)) %}
        {% if on_schema_change == 'fail' and column['side'] != 'both' %}
            {{ exceptions.raise_compiler_error(
                'the model has other columns than its table (' ~ column['name'] ~ '): build it with --full-refresh'
            ) }}
        {% elif column['side'] == 'both' %}
            {% do written.append({'name': column['name']}) %}
        {% elif column['side'] == 'model' and on_schema_change == 'append_new_columns' %}
            {% do run_query('alter table ' ~ target_relation ~ ' add column ' ~ adapter.quote(column['name']) ~ ' ' ~ column['type']) %}
            {% do written.append({'name': column['name']}) %}
        {% endif %}
    {% endfor %}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
    {% call statement('main') %}
        {{ strategy({'target_relation': target_relation, 'temp_relation': beside, 'dest_columns': written, 'unique_key': none}) }};
        drop table {{ beside }}
    {% endcall %}
{% endmacro %}

{#- Query: each column of either table, its type in the model, and who has it: both, model or table. -#}
{% macro columns_of_both(beside, target_relation) %}
    select
        coalesce(given.name, held.name) as name,
        given.type as type,
        case when held.name is null then 'model' when given.name is null then 'table' else 'both' end as side
    from pragma_table_info('{{ beside.render() }}') as given
    full join pragma_table_info('{{ target_relation.render() }}') as held on given.name = held.name
{% endmacro %}
