{{ config(schema='staging') }}
-- Grain: one row per voice (a contact record, or all a tracker was told of a person), field and stretch of time, of the customers
-- that this build decides: who says what since when, and whether it may win. Work of one build, replaced by the next.
with

told as (
    select
        customer_id,
        source,
        brand,
        record_id,
        record_id as node_id,
        field,
        value,
        is_verified,
        valid_from,
        valid_to,
        is_current,
        time_basis,
        load_seq,
        true as is_contact
    from {{ ref('int_golden__contacts') }}
    union all
    select
        customer_id,
        source,
        brand,
        record_id,
        node_id,
        field,
        value,
        false as is_verified,
        valid_from,
        valid_to,
        is_current,
        'changed' as time_basis,
        load_seq,
        false as is_contact
    from {{ ref('int_golden__traits') }}
),

rules as (
    select * from {{ ref('config_survivorship') }}
),

refused as (
    select * from {{ ref('int_golden__refused') }}
),

placeholders as (
    select * from {{ ref('golden_placeholders') }}
),

bounced as (
    select * from {{ ref('int_golden__bounced') }}
),

proven as (
    select * from {{ ref('int_golden__proven') }}
),

written as (
    select
        values_of.record_id,
        values_of.field,
        values_of.value_hash,
        min(values_of.written_at) as written_at
    from {{ ref('written_values') }} as values_of
    group by values_of.record_id, values_of.field, values_of.value_hash
),

-- a source that emptied a value later than it told it has withdrawn it, in each of its records about the person
withdrawn as (
    select
        customer_id,
        source,
        field,
        value_before as value,
        max(valid_from) as withdrawn_at
    from {{ ref('int_golden__contacts') }}
    where value is null and value_before is not null
    group by customer_id, source, field, value_before
),

judged as (
    select
        told.customer_id,
        told.source,
        told.brand,
        told.record_id,
        told.node_id,
        told.field,
        told.value,
        lower(told.value) as value_key,
        told.is_verified or proven.node_id is not null as is_verified,
        told.valid_from,
        told.valid_to,
        told.is_current,
        told.is_contact,
        told.time_basis,
        told.load_seq,
        rules.strategy,
        rules.place,
        -- whom else a former value belongs to nobody knows: only words of today are judged by what others carry
        case when told.is_current then bounced.since end as bounced_at,
        case
            when told.is_current and (told.valid_from is null or told.valid_from <= withdrawn.withdrawn_at)
                then withdrawn.withdrawn_at
        end as withdrawn_at,
        coalesce(
            case when placeholders.value is not null then 'placeholder' end,
            case when told.is_current then refused.reason end,
            -- the value stood there before we wrote it, if its own stamp says so
            case
                when told.time_basis in ('stamped', 'changed') and told.valid_from < written.written_at then null
                when written.record_id is not null then 'written by us'
            end
        ) as never_because
    from told
    inner join rules on told.field = rules.field and told.source = rules.source
    left join refused
        on told.node_id = refused.node_id and told.field = refused.field and told.value = refused.value
    left join bounced
        on told.node_id = bounced.node_id and told.field = bounced.field and told.value = bounced.value
    left join proven
        on told.customer_id = proven.customer_id and told.field = proven.field and told.value = proven.value
    left join placeholders
        on told.field = placeholders.field and lower({{ readable('told.field', 'told.value') }}) = placeholders.value
    left join written
        on
            told.record_id = written.record_id
            and told.field = written.field
            and written.value_hash = {{ written_hash('told.field', 'told.value') }}
    left join withdrawn
        on
            told.customer_id = withdrawn.customer_id
            and told.source = withdrawn.source
            and told.field = withdrawn.field
            and told.value = withdrawn.value
    where told.value is not null
)

select * from judged
