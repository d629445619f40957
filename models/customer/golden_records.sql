-- Grain: one row per customer: the values we show, each with the source and record it comes from.
-- Survivorship v0: the latest value that is not null wins; latest is (record_updated_at or created_at, load_seq,
-- record_id), so that a tie has one answer. A name and an address are taken from one record, never mixed.
-- A value that may not identify anybody (placeholder, role mailbox, held by too many) never wins.
{% set fields = ['email', 'phone', 'birth_date', 'gender', 'company', 'job_title', 'language'] %}
with

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
        identifier_value,
        source,
        is_profile,
        records,
        last_seen_at,
        refused_because
    from {{ ref('int_identity__identifiers') }}
),

-- a record can carry several refused values of a type, in any scope
refused as (
    select distinct
        node_id,
        identifier_type,
        identifier_value
    from identifiers
    where refused_because is not null and identifier_type in ('email', 'phone')
),

people as (
    select
        record_id,
        source,
        node_id,
        coalesce(record_updated_at, created_at) as known_at,
        load_seq,
        email,
        phone,
        first_name,
        last_name,
        full_name,
        birth_date,
        gender,
        street,
        city,
        region,
        postal_code,
        country,
        company,
        job_title,
        language
    from {{ ref('stg_contacts') }}
    union all
    -- traits told to the web tracker are a person's own words about themselves
    select
        record_id,
        source,
        node_id,
        occurred_at as known_at,
        load_seq,
        email,
        phone,
        first_name,
        last_name,
        cast(null as {{ sql_type('string') }}) as full_name,
        cast(null as date) as birth_date,
        cast(null as {{ sql_type('string') }}) as gender,
        cast(null as {{ sql_type('string') }}) as street,
        cast(null as {{ sql_type('string') }}) as city,
        cast(null as {{ sql_type('string') }}) as region,
        cast(null as {{ sql_type('string') }}) as postal_code,
        cast(null as {{ sql_type('string') }}) as country,
        cast(null as {{ sql_type('string') }}) as company,
        cast(null as {{ sql_type('string') }}) as job_title,
        cast(null as {{ sql_type('string') }}) as language
    from {{ ref('stg_events') }}
    where type = 'identify' and coalesce(email, phone, first_name, last_name) is not null
),

ranked as (
    select
        people.record_id,
        people.source,
        owners.customer_id,
        {{ shown('people', 'email') }} as email,
        {{ shown('people', 'phone') }} as phone,
        people.first_name,
        people.last_name,
        coalesce(people.full_name, people.first_name || ' ' || people.last_name) as full_name,
        people.birth_date,
        people.gender,
        people.street,
        people.city,
        people.region,
        people.postal_code,
        people.country,
        people.company,
        people.job_title,
        people.language,
        row_number() over (
            partition by owners.customer_id
            order by people.known_at nulls first, people.load_seq, people.record_id
        ) as recency
    from people
    inner join owners on people.node_id = owners.node_id
    {{ join_refused('people') }}
),

-- which record speaks for each group: a whole name before half a one, an address with a street before a city alone
chosen as (
    select
        customer_id,
        {% for field in fields %}
        max(case when {{ field }} is not null then recency end) as {{ field }}_recency,
        {% endfor %}
        coalesce(
            max(case when full_name is not null then recency end),
            max(case when coalesce(first_name, last_name) is not null then recency end)
        ) as name_recency,
        coalesce(
            max(case when street is not null then recency end),
            max(case when coalesce(city, postal_code, country) is not null then recency end)
        ) as address_recency
    from ranked
    group by customer_id
),

spoken as (
    select
        ranked.customer_id,
        {% for field in fields %}
        max(case when ranked.recency = chosen.{{ field }}_recency then ranked.{{ field }} end) as {{ field }},
        max(case when ranked.recency = chosen.{{ field }}_recency then ranked.source end) as {{ field }}_source,
        max(case when ranked.recency = chosen.{{ field }}_recency then ranked.record_id end) as {{ field }}_record_id,
        {% endfor %}
        {% for field in ['first_name', 'last_name', 'full_name'] %}
        max(case when ranked.recency = chosen.name_recency then ranked.{{ field }} end) as {{ field }},
        {% endfor %}
        max(case when ranked.recency = chosen.name_recency then ranked.source end) as name_source,
        max(case when ranked.recency = chosen.name_recency then ranked.record_id end) as name_record_id,
        {% for field in ['street', 'city', 'region', 'postal_code', 'country'] %}
        max(case when ranked.recency = chosen.address_recency then ranked.{{ field }} end) as {{ field }},
        {% endfor %}
        max(case when ranked.recency = chosen.address_recency then ranked.source end) as address_source,
        max(case when ranked.recency = chosen.address_recency then ranked.record_id end) as address_record_id
    from ranked
    inner join chosen on ranked.customer_id = chosen.customer_id
    group by ranked.customer_id
),

-- somebody without a contact record is reached by what they gave with an order, a ticket or an answer
carried as (
    select
        owners.customer_id,
        identifiers.identifier_type,
        identifiers.identifier_value,
        identifiers.source,
        identifiers.node_id,
        row_number() over (
            partition by owners.customer_id, identifiers.identifier_type
            order by
                identifiers.records desc,
                identifiers.last_seen_at desc nulls last,
                identifiers.identifier_value,
                identifiers.node_id
        ) as strength
    from identifiers
    inner join owners on identifiers.node_id = owners.node_id
    where identifiers.refused_because is null and identifiers.identifier_type in ('email', 'phone')
),

reached as (
    select
        customer_id,
        max(case when identifier_type = 'email' then identifier_value end) as email,
        max(case when identifier_type = 'email' then source end) as email_source,
        max(case when identifier_type = 'phone' then identifier_value end) as phone,
        max(case when identifier_type = 'phone' then source end) as phone_source
    from carried
    where strength = 1
    group by customer_id
),

customers as (
    select distinct customer_id from owners
),

final as (
    select
        customers.customer_id,
        coalesce(spoken.full_name, spoken.first_name, spoken.last_name) as full_name,
        spoken.first_name,
        spoken.last_name,
        spoken.name_source,
        spoken.name_record_id,
        coalesce(spoken.email, reached.email) as email,
        case when spoken.email is not null then spoken.email_source else reached.email_source end as email_source,
        spoken.email_record_id,
        coalesce(spoken.phone, reached.phone) as phone,
        case when spoken.phone is not null then spoken.phone_source else reached.phone_source end as phone_source,
        spoken.phone_record_id,
        spoken.street,
        spoken.city,
        spoken.region,
        spoken.postal_code,
        spoken.country,
        spoken.address_source,
        spoken.address_record_id,
        -- noqa: disable=LT02
        {% for field in fields if field not in ('email', 'phone') %}
        spoken.{{ field }},
        spoken.{{ field }}_source,
        spoken.{{ field }}_record_id{{ ',' if not loop.last }}
        {% endfor %}
    -- noqa: enable=LT02
    from customers
    left join spoken on customers.customer_id = spoken.customer_id
    left join reached on customers.customer_id = reached.customer_id
)

select * from final
