{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql='select touch_key from staging.touched_golden',
    on_schema_change='append_new_columns',
) }}
-- Grain: one row per customer: the values we show, each with the source and record it comes from; why, and over what, is in
-- golden_fields. A name, an address and every declared group is of one record, never mixed.
{% set shown = ['email', 'phone', 'name', 'address', 'birth_date', 'gender', 'company', 'job_title', 'language'] %}
with

owners as (
    select distinct customer_id
    from {{ ref('node_customers') }}
    where {{ is_touched_golden('customer_id') }}
),

fields as (
    select
        customer_id,
        field,
        parts,
        source,
        record_id
    from {{ ref('golden_fields') }}
    where {{ is_touched_golden('customer_id') }}
),

spoken as (
    select
        customer_id,
        {% for unit in golden_units() if not unit.is_attribute %}
        {% for field in unit.fields %}
        max(case when field = '{{ unit.name }}' then {{ unpacked(unit, field, 'parts') }} end) as {{ field }},
        {% endfor %}
        {% for field in ([unit.name] if unit.name in shown else unit.fields) %}
        max(case when field = '{{ unit.name }}' then source end) as {{ field }}_source,
        max(case when field = '{{ unit.name }}' then record_id end) as {{ field }}_record_id,
        {% endfor %}
        {% endfor %}
        count(*) as fields
    from fields
    group by customer_id
),

final as (
    select
        owners.customer_id,
        coalesce(spoken.full_name, spoken.first_name, spoken.last_name) as full_name,
        spoken.first_name,
        spoken.last_name,
        spoken.name_source,
        spoken.name_record_id,
        spoken.email,
        spoken.email_source,
        spoken.email_record_id,
        spoken.phone,
        spoken.phone_source,
        spoken.phone_record_id,
        spoken.street,
        spoken.city,
        spoken.region,
        spoken.postal_code,
        spoken.country,
        spoken.address_source,
        spoken.address_record_id,
        cast(spoken.birth_date as date) as birth_date,
        spoken.birth_date_source,
        spoken.birth_date_record_id,
        -- noqa: disable=LT02
        {% for field in ['gender', 'company', 'job_title', 'language'] %}
        spoken.{{ field }},
        spoken.{{ field }}_source,
        spoken.{{ field }}_record_id{{ ',' if not loop.last }}
        {% endfor %}
    -- noqa: enable=LT02
    from owners
    left join spoken on owners.customer_id = spoken.customer_id
)

select * from final
