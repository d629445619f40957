{{ config(materialized='view', schema='customer') }}
-- Grain: one row per contact record, field (or group of fields) and stretch of time over which its value stayed the same.
-- Where versions of a record are kept, a value is as old as the version that brought it, not as the record's last change. A version
-- without evidence of its time (bulk stamp, none) is not older than the evidence before it.
with

versions as (
    select * from {{ ref('int_golden__versions') }}
),

told as (
    {% for unit in golden_units() %}
    select
        customer_id,
        source,
        brand,
        record_id,
        updated_at,
        changed_at,
        created_at,
        load_seq,
        file,
        position,
        has_history,
        '{{ unit.name }}' as field,
        case when not is_deleted then {{ packed(unit, 'versions') }} end as value,
        {% if unit.name in ('email', 'phone') %}
        coalesce({{ unit.name }}_verified, false) as is_verified
        {% else %}
        false as is_verified
        {% endif %}
    from versions
    where has_history or {{ packed(unit, 'versions') }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ordered as (
    select
        *,
        row_number() over (
            partition by record_id, field
            order by coalesce(updated_at, timestamp '0001-01-01'), load_seq, file, position
        ) as version,
        lag(value) over (
            partition by record_id, field
            order by coalesce(updated_at, timestamp '0001-01-01'), load_seq, file, position
        ) as value_before
    from told
    where has_history
),

counted as (
    select
        *,
        version = 1 or value is distinct from value_before as is_change,
        sum(case when version = 1 or value is distinct from value_before then 1 else 0 end) over (
            partition by record_id, field
            order by version
            rows between unbounded preceding and current row
        ) as stretch,
        max(coalesce(changed_at, created_at)) over (
            partition by record_id, field
            order by version
            rows between unbounded preceding and current row
        ) as evidence_at
    from ordered
),

stretches as (
    select
        customer_id,
        source,
        brand,
        record_id,
        field,
        stretch,
        value,
        max(case when is_change then value_before end) as value_before,
        {{ bool_or('is_verified') }} as is_verified,
        min(evidence_at) as valid_from,
        max(
            case
                when not is_change then null
                when changed_at is not null and version > 1 then 'changed'
                when changed_at is not null then 'stamped'
                when version = 1 and created_at is not null then 'created'
                when evidence_at is not null then 'not before'
            end
        ) as time_basis,
        max(load_seq) as load_seq
    from counted
    group by customer_id, source, brand, record_id, field, stretch, value
),

final as (
    select
        customer_id,
        source,
        brand,
        record_id,
        field,
        value,
        value_before,
        is_verified,
        valid_from,
        lead(valid_from) over (partition by record_id, field order by stretch) as valid_to,
        lead(stretch) over (partition by record_id, field order by stretch) is null as is_current,
        time_basis,
        load_seq
    from stretches
    union all
    select
        customer_id,
        source,
        brand,
        record_id,
        field,
        value,
        cast(null as {{ sql_type('string') }}) as value_before,
        is_verified,
        coalesce(changed_at, created_at) as valid_from,
        cast(null as timestamp) as valid_to,
        true as is_current,
        case when changed_at is not null then 'stamped' when created_at is not null then 'created' end as time_basis,
        load_seq
    from told
    where not has_history
)

select * from final
