{{ config(materialized='view', schema='customer') }}
-- Grain: one row per customer, web source, field and stretch over which what they told the tracker stayed the same. All that one
-- tracker was told of a person is one voice with a history: that an app repeats a value at every login makes it no newer.
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
    where {{ is_touched_golden('customer_id') }}
),

events as (
    select
        owners.customer_id,
        events.source,
        events.brand,
        events.record_id,
        events.node_id,
        events.occurred_at,
        events.load_seq,
        events.email,
        events.phone,
        events.first_name,
        events.last_name,
        cast(null as {{ sql_type('string') }}) as full_name
    from {{ ref('stg_events') }} as events
    inner join owners on events.node_id = owners.node_id
    where events.type = 'identify'
),

-- a trait that is not told is absent, not emptied
told as (
    {% for unit in golden_units()[:3] %}
    select
        customer_id,
        source,
        brand,
        record_id,
        node_id,
        occurred_at,
        load_seq,
        '{{ unit.name }}' as field,
        {{ packed(unit, 'events') }} as value
    from events
    where coalesce({% for field in unit.fields %}{{ field }}{{ ', ' if not loop.last }}{% endfor %}) is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ordered as (
    select
        *,
        lag(value) over (partition by customer_id, source, field order by occurred_at, load_seq, record_id) as value_before
    from told
),

counted as (
    select
        *,
        value is distinct from value_before as is_change,
        sum(case when value is distinct from value_before then 1 else 0 end) over (
            partition by customer_id, source, field
            order by occurred_at, load_seq, record_id
            rows between unbounded preceding and current row
        ) as stretch
    from ordered
),

stretches as (
    select
        customer_id,
        source,
        field,
        stretch,
        value,
        min(brand) as brand,
        max(case when is_change then record_id end) as record_id,
        max(case when is_change then node_id end) as node_id,
        min(occurred_at) as valid_from,
        max(load_seq) as load_seq
    from counted
    group by customer_id, source, field, stretch, value
)

select
    customer_id,
    source,
    brand,
    record_id,
    node_id,
    field,
    value,
    valid_from,
    lead(valid_from) over (partition by customer_id, source, field order by stretch) as valid_to,
    lead(stretch) over (partition by customer_id, source, field order by stretch) is null as is_current,
    load_seq
from stretches
