{#- Connected components by randomised contraction (Boegeholz, Brand, Todor 2020, "In-database connected component
    analysis"). The model gives edges (node_a, node_b); a node alone gives an edge to itself. The table has one row per
    node: node_id and component (the smallest node_id of the component), so the result does not depend on the randomness.

    Each round every vertex takes, of itself and its neighbours, the one with the smallest hash of that round; edges are
    relabelled and deduplicated until none is left. Expected rounds grow with log(n): long chains cost no more than stars.
    The loop is here and not in a model body, because a body also runs during `dbt compile` and `docs`.

    Incremental with `touched_sql` (nodes whose components the model works out anew): their rows are replaced, in one transaction. -#}
{% materialization connected_components, adapter='default' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- set state = namespace(open=run_all([
        'create or replace temp table cc_input as ' ~ sql,
        'create or replace temp table cc_nodes as select node_id, row_number() over () as vertex'
        ~ ' from (select node_a as node_id from cc_input union select node_b from cc_input) as ends',
        'create or replace temp table cc_edges as'
        ~ ' with numbered as (select a.vertex as v, b.vertex as w from cc_input'
        ~ ' inner join cc_nodes as a on cc_input.node_a = a.node_id inner join cc_nodes as b on cc_input.node_b = b.node_id'
        ~ ' where cc_input.node_a <> cc_input.node_b)'
        ~ ' select v, w from numbered union select w, v from numbered',
        'create or replace temp table cc_labels as select vertex, vertex as label from cc_nodes',
        'select 1 from cc_edges limit 1',
    ]) | length > 0) -%}
    {% for round in range(200) %}
        {% if state.open %}
            {% set state.open = run_all(contract_once(round)) | length > 0 %}
        {% endif %}
    {% endfor %}
    {% if state.open %}
        {{ exceptions.raise_compiler_error('connected components did not converge in 200 rounds; nothing was written') }}
    {% endif %}
    {%- set found -%}
        with named as (
            select cc_nodes.node_id, cc_labels.label
            from cc_labels inner join cc_nodes on cc_labels.vertex = cc_nodes.vertex
        ),
        smallest as (select label, min(node_id) as component, count(*) as component_size from named group by label)
        select named.node_id, smallest.component, smallest.component_size
        from named inner join smallest on named.label = smallest.label
    {%- endset -%}
    {{ replace_nodes(target_relation, found) }}
    {{ drop_all(['cc_input', 'cc_nodes', 'cc_edges', 'cc_labels', 'cc_chosen']) }}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Write what was found: the whole table, or the rows of the touched nodes. -#}
{% macro replace_nodes(target_relation, found) %}
    {% call statement('main') %}
        {% if config.get('touched_sql') and is_partial_identity() %}
        delete from {{ target_relation }} where node_id in ({{ config.get('touched_sql') }});
        insert into {{ target_relation }}
        {% else %}
        create or replace table {{ target_relation }} as
        {% endif %}
        {{ found }}
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}

{#- Statements of one round; the last one tells whether an edge is left. -#}
{% macro contract_once(round) %}
    {{ return([
        'create or replace temp table cc_chosen as select v, ' ~ min_by('u', mix('u', round)) ~ ' as label'
        ~ ' from (select v, w as u from cc_edges union all select distinct v, v from cc_edges) as near group by v',
        'create or replace temp table cc_labels as select cc_labels.vertex, coalesce(cc_chosen.label, cc_labels.label) as label'
        ~ ' from cc_labels left join cc_chosen on cc_labels.label = cc_chosen.v',
        'create or replace temp table cc_edges as select distinct a.label as v, b.label as w from cc_edges'
        ~ ' inner join cc_chosen as a on cc_edges.v = a.v inner join cc_chosen as b on cc_edges.w = b.v'
        ~ ' where a.label <> b.label',
        'select 1 from cc_edges limit 1',
    ]) }}
{% endmacro %}

{#- Run statements one after the other; the rows of the last. DuckDB takes them in one call: dbt's own cost of a call is
    several times that of a small statement, and a loop has hundreds. -#}
{% macro run_all(statements) -%} {{ return(adapter.dispatch('run_all')(statements)) }} {%- endmacro %}
{% macro duckdb__run_all(statements) -%} {{ return(run_query(statements | join('\n;\n'))) }} {%- endmacro %}
{% macro default__run_all(statements) -%}
    {%- set last = namespace(rows=none) -%}
    {% for statement in statements %}
        {% set last.rows = run_query(statement) %}
    {% endfor %}
    {{ return(last.rows) }}
{%- endmacro %}

{#- Drop working tables. -#}
{% macro drop_all(names) %}
    {%- set statements = [] -%}
    {% for name in names %}
        {% do statements.append('drop table if exists ' ~ name) %}
    {% endfor %}
    {% do run_all(statements) %}
{% endmacro %}

{% macro min_by(value, order) -%} {{ return('min_by(' ~ value ~ ', ' ~ order ~ ')') }} {%- endmacro %}
