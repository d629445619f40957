{#- Constraints on who can be one person. Shared by the models that find broken components and the materialisation that takes
    them apart, so that both mean the same. -#}

{#- Is this node among those whose component is worked out in this build? All of them on a full one. -#}
{% macro is_affected(column) -%}
    {%- set affected = ref('affected_nodes') -%}
    {%- if is_partial_identity() -%}{{ column }} in (select node_id from {{ affected }}){%- else -%}true{%- endif -%}
{%- endmacro %}

{#- Filter of an incremental model below the clusters: nodes whose customer may be another than after the last finished build. -#}
{% macro is_reassigned(column) -%}
    {%- set affected = ref('affected_nodes') -%}
    {%- if is_incremental() and is_partial_identity() -%}
    {{ column }} in (select node_id from {{ affected }})
    {%- else -%} true {%- endif -%}
{%- endmacro %}

{#- What identity nodes carry, where `chosen`, and whether the value may link its node: it is not refused, and nobody pinned the node.
    Rows are chosen before they are judged; behind the joins DuckDB would choose last. Refused values are few: leaving them out costs
    a look-up in a small table, where joining every value with its verdict would cost more than what reads the few rows it asked for. -#}
{% macro judged_values(chosen='true') -%}
    select
        carried.node_id,
        carried.identifier_type,
        carried.scope_value,
        carried.identifier_value,
        carried.value_key,
        carried.priority,
        carried.first_seen_at,
        carried.records,
        refused.refused_because,
        refused.value_key is null
        and carried.node_id not in (
            select record_key from {{ source('identity_memory', 'override_effects') }} where effect = 'pinned'
        ) as is_linking
    from (select * from {{ ref('node_values') }} where {{ chosen }}) as carried
    left join {{ ref('identifier_values') }} as refused
        on carried.value_key = refused.value_key and refused.refused_because is not null
{%- endmacro %}

{#- Nodes with another customer than after the last finished build, which wrote `owners`: node_id, old_id, new_id. -#}
{% macro moved_nodes(owners) -%}
    select
        coalesce(now.node_id, before.node_id) as node_id,
        before.customer_id as old_id,
        now.customer_id as new_id
    from (select node_id, customer_id from {{ owners }} where {{ is_reassigned('node_id') }}) as before
    full join (
        select node_id, customer_id from {{ ref('int_identity__assigned') }} where {{ is_reassigned('node_id') }}
    ) as now on before.node_id = now.node_id
    where before.customer_id is distinct from now.customer_id
{%- endmacro %}

{#- Each id with the record it is seeded on now. `only`: of the ids that are or were seeded on a node whose customer may be another;
    all ids of a cluster are seeded in its component, so they are among them together or not at all. -#}
{% macro present_seeds(only=false) -%}
    select
        customer_id,
        {{ max_by('seed_record', 'registry_seq') }} as seed_record,
        min(minted_seq) as minted_seq
    from {{ ref('registry') }}
    {%- if only %}
    where customer_id in ({{ reassigned_ids() }})
    {%- endif %}
    group by customer_id
{%- endmacro %}

{% macro reassigned_ids() -%}
    select customer_id from identity.registry where seed_record in (select node_id from staging.affected_nodes)
{%- endmacro %}

{#- Incremental: there are components, clusters and customers of an earlier build to keep. -#}
{% macro is_partial_identity() -%}
    {%- if not execute or flags.FULL_REFRESH -%} {{ return(false) }} {%- endif -%}
    {%- set kept = ['node_components', 'int_identity__cut_clusters', 'node_customers'] -%}
    {%- for name in kept if previous('identity', name) is none -%} {{ return(false) }} {%- endfor -%}
    {{ return(true) }}
{%- endmacro %}

{#- Trials of links are kept of an earlier build: `int_identity__without` works out those that are tried anew. -#}
{% macro is_partial_bridges() -%}
    {%- if not execute or flags.FULL_REFRESH -%} {{ return(false) }} {%- endif -%}
    {{ return(previous('identity', 'identity_bridges') is not none) }}
{%- endmacro %}

{#- Place of a probable link among the priorities of identifiers: after all of them. -#}
{% macro fuzzy_priority() -%} 1000 {%- endmacro %}

{% macro max_cluster_size() -%} {{ env_var('CDP_MAX_CLUSTER_SIZE', '500') }} {%- endmacro %}

{#- Two dates (text, ISO) that no slip of the keyboard explains: at least two of day, month and year differ and day and month are
    not swapped. 1 January is how many systems write "only the year is known": there the years decide. -#}
{% macro birth_dates_contradict(one, other) -%}
    case
        when substr({{ one }}, 5) = '-01-01' or substr({{ other }}, 5) = '-01-01'
            then substr({{ one }}, 1, 4) <> substr({{ other }}, 1, 4)
        else
            (
                case when substr({{ one }}, 1, 4) <> substr({{ other }}, 1, 4) then 1 else 0 end
                + case when substr({{ one }}, 6, 2) <> substr({{ other }}, 6, 2) then 1 else 0 end
                + case when substr({{ one }}, 9, 2) <> substr({{ other }}, 9, 2) then 1 else 0 end
            ) >= 2
            and not (
                substr({{ one }}, 1, 4) = substr({{ other }}, 1, 4)
                and substr({{ one }}, 6, 2) = substr({{ other }}, 9, 2)
                and substr({{ one }}, 9, 2) = substr({{ other }}, 6, 2)
            )
    end
{%- endmacro %}

{#- Was `others` first seen within the window that begins with `ours`? An unknown day counts every time. -#}
{% macro seen_within_window(ours, others) -%}
    (
        {{ ours }}.seen_at is null
        or {{ others }}.seen_at is null
        or {{ others }}.seen_at between {{ ours }}.seen_at and {{ add_days(ours ~ '.seen_at', ours ~ '.window_days') }}
    )
{%- endmacro %}

{#- Pairs of clusters (ca, cb) that cannot be one person, with the reason: too many records together, more different values of
    a trait than one customer may have (in its window, if it has one), or birth dates that contradict each other. Relations:
    sizes (cluster, size), traits (cluster, trait, trait_value, reason, most, window_days, seen_at). -#}
{% macro cluster_breaches(pairs, sizes, traits) -%}
    select
        ca,
        cb,
        min(reason) as reason
    from (
        select
            pair.ca,
            pair.cb,
            'more than {{ max_cluster_size() }} records' as reason
        from {{ pairs }} as pair
        inner join {{ sizes }} as ours on pair.ca = ours.cluster
        inner join {{ sizes }} as theirs on pair.cb = theirs.cluster
        where ours.size + theirs.size > {{ max_cluster_size() }}
        union all
        select
            ca,
            cb,
            max(reason) as reason
        from (
            select pair.ca, pair.cb, carried.trait, carried.trait_value, carried.reason, carried.most
            from {{ pairs }} as pair
            inner join {{ traits }} as carried on pair.ca = carried.cluster
            where carried.most is not null and carried.window_days is null
            union
            select pair.ca, pair.cb, carried.trait, carried.trait_value, carried.reason, carried.most
            from {{ pairs }} as pair
            inner join {{ traits }} as carried on pair.cb = carried.cluster
            where carried.most is not null and carried.window_days is null
        ) as together
        group by ca, cb, trait
        having count(distinct trait_value) > max(most)
        union all
        select
            ca,
            cb,
            max(reason) as reason
        from (
            select
                pair.ca,
                pair.cb,
                ours.trait,
                ours.seen_at,
                ours.trait_value,
                max(ours.reason) as reason,
                count(distinct others.trait_value) as near,
                max(ours.most) as most
            from {{ pairs }} as pair
            inner join {{ traits }} as ours on ours.cluster in (pair.ca, pair.cb)
            inner join {{ traits }} as others
                on others.cluster in (pair.ca, pair.cb) and ours.trait = others.trait and {{ seen_within_window('ours', 'others') }}
            where ours.window_days is not null
            group by pair.ca, pair.cb, ours.trait, ours.seen_at, ours.trait_value
        ) as windows
        where near > most
        group by ca, cb
        union all
        select
            pair.ca,
            pair.cb,
            'contradictory birth dates' as reason
        from {{ pairs }} as pair
        inner join {{ traits }} as ours on pair.ca = ours.cluster and ours.trait = 'birth date'
        inner join {{ traits }} as theirs on pair.cb = theirs.cluster and theirs.trait = 'birth date'
        where {{ birth_dates_contradict('ours.trait_value', 'theirs.trait_value') }}
    ) as found
    group by ca, cb
{%- endmacro %}

{#- What a given name is compared by: its first word without case and marks. -#}
{% macro name_key(name) -%} {{ return(adapter.dispatch('name_key')(name)) }} {%- endmacro %}
{% macro duckdb__name_key(name) -%}
    {{ return("nullif(regexp_extract(lower(strip_accents(replace(replace(trim(" ~ name ~ "), 'đ', 'd'), 'Đ', 'D'))), '^[^\\s.,]+'), '')") }}
{%- endmacro %}
{% macro default__name_key(name) -%} {{ return("nullif(split(lower(trim(" ~ name ~ ")), ' ')[0], '')") }} {%- endmacro %}
