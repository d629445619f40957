-- Grain: one row per source record that carries an identifier, with the customer it belongs to.
-- A plain table: whether a value may link depends on everybody who holds it, so a stranger's record can change the reason.
with

{% for entity, plural, happened_at in record_entities() %}
{{ plural }} as (
    select
        record_id,
        source,
        brand,
        cast('{{ entity }}' as {{ sql_type('string') }}) as entity,
        node_id,
        cast({{ happened_at }} as timestamp) as first_seen_at
    from {{ ref('stg_' ~ plural) }}
    where node_id is not null
),

{% endfor -%}
records as (
    {% for entity, plural, happened_at in record_entities() %}
    select * from {{ plural }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

identifiers as (
    select
        node_id,
        identifier_type,
        nodes,
        records
    from {{ ref('int_identity__identifiers') }}
    where refused_because is null
),

probable as (
    select
        ends.node_id,
        max(ends.match_probability) as match_probability
    from (
        select record_a as node_id, record_b as other_id, match_probability
        from {{ ref('int_identity__fuzzy_links') }} where is_link
        union all
        select record_b as node_id, record_a as other_id, match_probability
        from {{ ref('int_identity__fuzzy_links') }} where is_link
    ) as ends
    inner join owners on ends.node_id = owners.node_id
    inner join owners as others on ends.other_id = others.node_id and owners.customer_id = others.customer_id
    group by ends.node_id
),

-- a value joins a record to others when another node holds it, or when it stands for several records itself
matched as (
    select
        node_id,
        identifier_type
    from identifiers
    where nodes > 1 or records > 1
    union all
    select
        node_id,
        'fuzzy' as identifier_type
    from probable
),

links as (
    select
        node_id,
        {{ distinct_list('identifier_type') }} as matched_by
    from matched
    group by node_id
),

-- Records that exact links make one stand or fall together. The largest such group of a customer is sure of itself; another one is
-- as sure as the strongest probable link that holds it.
grouped as (
    select
        groups.node_id,
        groups.exact_group,
        owners.customer_id,
        count(*) over (partition by owners.customer_id, groups.exact_group) as group_size
    from {{ source('identity_fuzzy', 'fuzzy_groups') }} as groups
    inner join owners on groups.node_id = owners.node_id
),

main_groups as (
    select
        customer_id,
        exact_group
    from (
        select
            customer_id,
            exact_group,
            row_number() over (partition by customer_id order by group_size desc, exact_group) as place
        from (select distinct customer_id, exact_group, group_size from grouped) as sizes
    ) as ranked
    where place = 1
),

confidences as (
    select
        grouped.customer_id,
        grouped.exact_group,
        max(probable.match_probability) as confidence
    from grouped
    inner join probable on grouped.node_id = probable.node_id
    left join main_groups on grouped.customer_id = main_groups.customer_id and grouped.exact_group = main_groups.exact_group
    where main_groups.exact_group is null
    group by grouped.customer_id, grouped.exact_group
),

doubts as (
    select
        grouped.node_id,
        confidences.confidence
    from grouped
    inner join confidences
        on grouped.customer_id = confidences.customer_id and grouped.exact_group = confidences.exact_group
),

final as (
    select
        records.source,
        records.entity,
        records.record_id,
        owners.customer_id,
        records.brand,
        links.matched_by,
        cast(coalesce(doubts.confidence, 1.0) as double) as confidence,
        records.first_seen_at
    from records
    inner join owners on records.node_id = owners.node_id
    left join links on records.node_id = links.node_id
    left join doubts on records.node_id = doubts.node_id
)

select * from final
