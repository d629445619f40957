{{ config(materialized='view') }}
-- Grain: one row per contact record with a customer, with what may be written into it; null = leave alone.
-- Never over what a human typed: only where the record is empty, where its address bounced for good, or where it holds what we wrote.
-- The last keeps the row as it is when the source delivers our own word back, so that nothing is sent again. A view: who has no
-- sync on it pays nothing.
with

contacts as (
    select * from {{ ref('stg_contacts') }}
),

owners as (
    select * from {{ ref('node_customers') }}
),

golden as (
    select * from {{ ref('golden_records') }}
),

written as (
    select distinct
        record_id,
        field,
        value_hash
    from {{ source('exports_written', 'written_fields') }}
),

bounced as (
    select distinct contact_point
    from {{ ref('suppressions') }}
    where reason = 'hard_bounce' and contact_point is not null
),

final as (
    select
        contacts.record_id,
        contacts.source,
        contacts.source_table,
        contacts.record_key,
        owners.customer_id,
        -- noqa: disable=LT02
        {% for field in ['email', 'phone'] %}
        case
            when golden.{{ field }}_record_id = contacts.record_id then null
            when
                contacts.{{ field }} is null
                or {{ field }}_written.record_id is not null
                or ({{ field }}_bounced.contact_point is not null and contacts.{{ field }} <> golden.{{ field }})
                then golden.{{ field }}
        end as {{ field }}{{ ',' if not loop.last }}
        {% endfor %}
    -- noqa: enable=LT02
    from contacts
    inner join owners on contacts.record_id = owners.node_id
    inner join golden on owners.customer_id = golden.customer_id
    {% for field in ['email', 'phone'] %}
    left join written as {{ field }}_written
        on
            contacts.record_id = {{ field }}_written.record_id
            and {{ field }}_written.field = '{{ field }}'
            and {{ field }}_written.value_hash = md5('{{ field }}|' || lower(contacts.{{ field }}))
    left join bounced as {{ field }}_bounced on contacts.{{ field }} = {{ field }}_bounced.contact_point
    {% endfor %}
)

select * from final
