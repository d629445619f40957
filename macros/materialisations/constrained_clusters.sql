{#- Clusters under constraints: links are added back strongest first, skipping each that would put into one cluster what cannot be
    one person (`cluster_breaches`). The model gives the links of broken components (node_a, node_b, link_rank; rank 1 is the
    strongest, ranks are unique). The table has one row per node of theirs: node_id, cluster (its smallest node_id), cluster_size.

    One link after the other would be a row-wise loop. Instead each round takes every link that is the strongest left at both its
    clusters: whether it holds depends on these two clusters only, and every link that could still change them is weaker. So the
    rounds give exactly what the loop would. A refused link refuses all links between the two clusters: what two clusters break
    together, bigger ones break too. Ranks are mixed by a hash, so the expected number of rounds grows with log(n). -#}
{% materialization constrained_clusters, adapter='default' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- set state = namespace(open=run_all(start_cutting(sql)) | length > 0) -%}
    {% for round in range(2000) %}
        {% if state.open %}
            {% set state.open = run_all(join_once()) | length > 0 %}
        {% endif %}
    {% endfor %}
    {% if state.open %}
        {{ exceptions.raise_compiler_error('clusters did not settle in 2000 rounds; nothing was written') }}
    {% endif %}
    {%- set found -%}
        with cut as (
            select cut_nodes.node_id, cut_labels.cluster as label
            from cut_labels inner join cut_nodes on cut_labels.vertex = cut_nodes.vertex
        ),
        named as (select label, min(node_id) as cluster, count(*) as cluster_size from cut group by label)
        select cut.node_id, named.cluster, named.cluster_size
        from cut inner join named on cut.label = named.label
    {%- endset -%}
    {{ replace_nodes(target_relation, found) }}
    {{ drop_all(['cut_nodes', 'cut_labels', 'cut_sizes', 'cut_traits', 'cut_open', 'cut_now', 'cut_bad', 'cut_joined']) }}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Statements: every node of a broken component by itself (those joined by hand as one), with its traits; every link open. The last
    one tells whether a link is. -#}
{% macro start_cutting(links) %}
    {{ return([
        'create or replace temp table cut_nodes as with numbered as ('
        ~ ' select broken.node_id, row_number() over () as vertex, coalesce(units.other_key, broken.node_id) as unit_id'
        ~ ' from ' ~ ref('int_identity__broken') ~ ' as broken'
        ~ ' left join ' ~ source('identity_memory', 'override_effects') ~ ' as units'
        ~ " on broken.node_id = units.record_key and units.effect = 'unit')"
        ~ ' select node_id, vertex, min(vertex) over (partition by unit_id) as start from numbered',
        'create or replace temp table cut_labels as select vertex, start as cluster from cut_nodes',
        'create or replace temp table cut_sizes as select start as cluster, count(*) as size from cut_nodes group by start',
        'create or replace temp table cut_traits as select distinct cut_nodes.start as cluster, carried.trait, carried.trait_value,'
        ~ ' carried.reason, carried.most, carried.window_days, carried.seen_at'
        ~ ' from ' ~ ref('int_identity__cut_traits') ~ ' as carried inner join cut_nodes on carried.node_id = cut_nodes.node_id',
        'create or replace temp table cut_open as select links.link_rank, a.start as ca, b.start as cb from (' ~ links ~ ') as links'
        ~ ' inner join cut_nodes as a on links.node_a = a.node_id inner join cut_nodes as b on links.node_b = b.node_id'
        ~ ' where a.start <> b.start',
        'select 1 from cut_open limit 1',
    ]) }}
{% endmacro %}

{#- Statements of one round; the last one tells whether a link is still open. -#}
{% macro join_once() %}
    {{ return([
        'create or replace temp table cut_now as with best as ('
        ~ ' select cluster, min(link_rank) as link_rank from'
        ~ ' (select ca as cluster, link_rank from cut_open union all select cb, link_rank from cut_open) as ends group by cluster)'
        ~ ' select cut_open.ca, cut_open.cb from cut_open'
        ~ ' inner join best as ours on cut_open.ca = ours.cluster and cut_open.link_rank = ours.link_rank'
        ~ ' inner join best as theirs on cut_open.cb = theirs.cluster and cut_open.link_rank = theirs.link_rank',
        'create or replace temp table cut_bad as ' ~ cluster_breaches('cut_now', 'cut_sizes', 'cut_traits'),
        'create or replace temp table cut_joined as select least(cut_now.ca, cut_now.cb) as kept, greatest(cut_now.ca, cut_now.cb) as gone'
        ~ ' from cut_now left join cut_bad on cut_now.ca = cut_bad.ca and cut_now.cb = cut_bad.cb where cut_bad.ca is null',
        'create or replace temp table cut_labels as select cut_labels.vertex, coalesce(cut_joined.kept, cut_labels.cluster) as cluster'
        ~ ' from cut_labels left join cut_joined on cut_labels.cluster = cut_joined.gone',
        'create or replace temp table cut_sizes as select coalesce(cut_joined.kept, cut_sizes.cluster) as cluster, sum(cut_sizes.size) as size'
        ~ ' from cut_sizes left join cut_joined on cut_sizes.cluster = cut_joined.gone group by 1',
        'create or replace temp table cut_traits as select distinct coalesce(cut_joined.kept, cut_traits.cluster) as cluster, cut_traits.trait,'
        ~ ' cut_traits.trait_value, cut_traits.reason, cut_traits.most, cut_traits.window_days, cut_traits.seen_at'
        ~ ' from cut_traits left join cut_joined on cut_traits.cluster = cut_joined.gone',
        'create or replace temp table cut_open as with relabelled as ('
        ~ ' select cut_open.link_rank, coalesce(a.kept, cut_open.ca) as ca, coalesce(b.kept, cut_open.cb) as cb, cut_open.ca as was_a, cut_open.cb as was_b'
        ~ ' from cut_open left join cut_joined as a on cut_open.ca = a.gone left join cut_joined as b on cut_open.cb = b.gone)'
        ~ ' select relabelled.link_rank, relabelled.ca, relabelled.cb from relabelled'
        ~ ' left join cut_bad as one on relabelled.was_a = one.ca and relabelled.was_b = one.cb'
        ~ ' left join cut_bad as other on relabelled.was_a = other.cb and relabelled.was_b = other.ca'
        ~ ' where relabelled.ca <> relabelled.cb and one.ca is null and other.ca is null',
        'select 1 from cut_open limit 1',
    ]) }}
{% endmacro %}
