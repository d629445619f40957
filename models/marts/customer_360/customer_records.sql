{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_profiles',
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per source record that carries an identifier, with the customer it belongs to.
-- depends_on: {{ ref('touched_profiles') }}
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
    {% if is_incremental() %}
    where customer_id in (select touch_key from {{ ref('touched_profiles') }})
    {% endif %}
),

carried as (
    select
        node_id,
        identifier_type,
        value_key
    from {{ ref('node_values') }}
    {% if is_incremental() %}
    where node_id in (select node_id from owners)
    {% endif %}
),

doubts as (
    select
        node_id,
        match_probability,
        confidence
    from {{ ref('int_identity__doubts') }}
),

-- a value joins a record to others when another node holds it, or when it stands for several records itself: in both cases
-- several records carry it
matched as (
    select
        carried.node_id,
        carried.identifier_type
    from carried
    inner join {{ ref('identifier_values') }} as judged on carried.value_key = judged.value_key
    where judged.records > 1 and judged.refused_because is null
    union all
    select
        node_id,
        'fuzzy' as identifier_type
    from doubts
    where match_probability is not null
),

links as (
    select
        node_id,
        {{ distinct_list('identifier_type') }} as matched_by
    from matched
    group by node_id
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
