{#- Connected components by randomised contraction (Boegeholz, Brand, Todor 2020, "In-database connected component
    analysis"). The model gives nodes and what links them (node_id, link_key): nodes with one link_key are joined, a row without
    a link_key names a node that may be alone. The table has one row per node: node_id, component (the smallest node_id of the
    component) and component_size, so the result does not depend on the randomness.

    Nodes are numbered first, and a link is a star of numbers: texts are compared once and not in every step. Each round every
    vertex takes, of itself and its neighbours, the one with the smallest hash of that round; edges are relabelled and
    deduplicated until none is left. Expected rounds grow with log(n): long chains cost no more than stars. What each round chose
    is kept, and put together from the last to the first: rounds get smaller and smaller, nodes without links are in none.
    The loop is here and not in a model body, because a body also runs during `dbt compile` and `docs`.

    Incremental with `touched_sql` (nodes whose components the model works out anew): their rows are replaced, in one transaction. -#}
{% materialization connected_components, adapter='default' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- set state = namespace(open=run_all(number_nodes(sql)) | length > 0, rounds=0) -%}
    {% for round in range(200) %}
        {% if state.open %}
            {% set state.open = run_all(contract_once(round)) | length > 0 %}
            {% set state.rounds = round + 1 %}
        {% endif %}
    {% endfor %}
    {% if state.open %}
        {{ exceptions.raise_compiler_error('connected components did not converge in 200 rounds; nothing was written') }}
    {% endif %}
    {% if state.rounds > 1 %}{% do run_all(put_together(state.rounds)) %}{% endif %}
    {%- set found -%}
        with named as (
            select cc_nodes.node_id, cc_nodes.vertex, cc_chosen_0.label
            from cc_chosen_0 inner join cc_nodes on cc_chosen_0.v = cc_nodes.vertex
        ),
        smallest as (select label, min(node_id) as component, count(*) as component_size from named group by label),
        linked as (
            select cc_chosen_0.v, smallest.component, smallest.component_size
            from cc_chosen_0 inner join smallest on cc_chosen_0.label = smallest.label
        )
        select
            cc_nodes.node_id,
            coalesce(linked.component, cc_nodes.node_id) as component,
            coalesce(linked.component_size, 1) as component_size
        from cc_nodes
        left join linked on cc_nodes.vertex = linked.v
    {%- endset -%}
    {{ replace_nodes(target_relation, found) }}
    {%- set chosen = [] -%}
    {% for round in range([state.rounds, 1] | max) %}{% do chosen.append('cc_chosen_' ~ round) %}{% endfor %}
    {{ drop_all(['cc_input', 'cc_nodes', 'cc_ends', 'cc_edges'] + chosen) }}
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

{#- Statements before the first round: nodes get numbers, links become stars around their smallest vertex. The last one tells
    whether there is an edge at all. -#}
{% macro number_nodes(rows) %}
    {{ return([
        'create or replace temp table cc_input as ' ~ rows,
        'create or replace temp table cc_nodes as select node_id, row_number() over () as vertex'
        ~ ' from (select distinct node_id from cc_input) as nodes',
        'create or replace temp table cc_ends as select cc_nodes.vertex, cc_input.link_key from cc_input'
        ~ ' inner join cc_nodes on cc_input.node_id = cc_nodes.node_id where cc_input.link_key is not null',
        'create or replace temp table cc_edges as'
        ~ ' with centres as (select link_key, min(vertex) as centre from cc_ends group by link_key having count(*) > 1),'
        ~ ' stars as (select cc_ends.vertex, centres.centre from cc_ends'
        ~ ' inner join centres on cc_ends.link_key = centres.link_key where cc_ends.vertex <> centres.centre)'
        ~ ' select vertex as v, centre as w from stars union select centre, vertex from stars',
        'create or replace temp table cc_chosen_0 as select v, w as label from cc_edges where false',
        'select 1 from cc_edges limit 1',
    ]) }}
{% endmacro %}

{#- Statements of one round; the last one tells whether an edge is left. -#}
{% macro contract_once(round) %}
    {%- set chosen = 'cc_chosen_' ~ round -%}
    {{ return([
        'create or replace temp table ' ~ chosen ~ ' as select v, ' ~ min_by('u', mix('u', round)) ~ ' as label'
        ~ ' from (select v, w as u from cc_edges union all select distinct v, v from cc_edges) as near group by v',
        'create or replace temp table cc_edges as select distinct a.label as v, b.label as w from cc_edges'
        ~ ' inner join ' ~ chosen ~ ' as a on cc_edges.v = a.v inner join ' ~ chosen ~ ' as b on cc_edges.w = b.v'
        ~ ' where a.label <> b.label',
        'select 1 from cc_edges limit 1',
    ]) }}
{% endmacro %}

{#- Statements that carry what the last round chose back to the first. -#}
{% macro put_together(rounds) %}
    {%- set statements = [] -%}
    {% for back in range(rounds - 1) %}
        {%- set earlier, later = 'cc_chosen_' ~ (rounds - 2 - back), 'cc_chosen_' ~ (rounds - 1 - back) -%}
        {% do statements.append(
            'create or replace temp table ' ~ earlier ~ ' as select chosen.v, coalesce(later.label, chosen.label) as label from '
            ~ earlier ~ ' as chosen left join ' ~ later ~ ' as later on chosen.label = later.v'
        ) %}
    {% endfor %}
    {{ return(statements) }}
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
