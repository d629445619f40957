{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_golden',
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per customer, identifier type, scope and value.
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
    where {{ is_touched_golden('customer_id') }}
),

identifiers as (
    select
        node_id,
        identifier_type,
        scope_value,
        identifier_value,
        source,
        priority,
        first_seen_at,
        last_seen_at,
        records,
        refused_because
    from {{ ref('int_identity__identifiers') }}
),

golden as (
    select
        customer_id,
        email,
        phone
    from {{ ref('golden_records') }}
),

claims as (
    select * from {{ ref('contact_claims') }}
    where given_in_pass is null
),

held as (
    select
        owners.customer_id,
        identifiers.identifier_type,
        identifiers.scope_value,
        identifiers.identifier_value,
        min(identifiers.priority) as priority,
        min(identifiers.first_seen_at) as first_seen_at,
        max(identifiers.last_seen_at) as last_seen_at,
        count(distinct identifiers.source) as source_count,
        sum(identifiers.records) as record_count,
        min(identifiers.refused_because) as refused_because
    from identifiers
    inner join owners on identifiers.node_id = owners.node_id
    group by owners.customer_id, identifiers.identifier_type, identifiers.scope_value, identifiers.identifier_value
),

ranked as (
    select
        held.*,
        claims.customer_id is not null as is_unmatched,
        -- the primary address and telephone are those of the golden record; there may be none
        held.identifier_type not in ('email', 'phone')
        or coalesce(held.identifier_value in (golden.email, golden.phone), false) as may_be_primary,
        row_number() over (
            partition by held.customer_id, held.identifier_type
            order by
                case
                    when held.identifier_type = 'email' and held.identifier_value = golden.email then 0
                    when held.identifier_type = 'phone' and held.identifier_value = golden.phone then 0
                    when held.refused_because is null then 1
                    else 2
                end,
                held.record_count desc,
                held.last_seen_at desc nulls last,
                held.identifier_value,
                held.scope_value
        ) as strength
    from held
    left join golden on held.customer_id = golden.customer_id
    left join claims
        on
            held.customer_id = claims.customer_id
            and held.identifier_type = claims.field
            and held.identifier_value = claims.value
),

final as (
    select
        customer_id,
        identifier_type as type,
        identifier_value as value,
        scope_value as scope,
        first_seen_at,
        last_seen_at,
        cast(source_count as bigint) as source_count,
        cast(record_count as bigint) as record_count,
        strength = 1 and refused_because is null and may_be_primary as is_primary,
        refused_because is not null as is_refused,
        refused_because,
        is_unmatched
    from ranked
)

select * from final
