{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='value_key',
    touched_sql='select value_key from staging.touched_values',
) }}
-- Grain: one row per identifier value: who holds it, and why it may not link, if so. A function of the value and its holders only,
-- so a value that crosses a limit either way is decided again for every holder.
-- depends_on: {{ ref('touched_values') }}
with

holders as (
    select
        node_id,
        value_key,
        identifier_type,
        scope_value,
        identifier_value,
        is_profile,
        first_seen_at,
        records
    from {{ ref('node_values') }}
    {% if is_incremental() %}
    where value_key in (select value_key from {{ ref('touched_values') }})
    {% endif %}
),

held as (
    select
        value_key,
        identifier_type,
        scope_value,
        identifier_value,
        count(*) filter (where is_profile) as profiles,
        count(*) as nodes,
        sum(records) as records
    from holders
    group by value_key, identifier_type, scope_value, identifier_value
),

-- with a window the limit is on profiles that came within so many days of each other; an unknown day counts every time
profiles_in_window as (
    select
        value_key,
        max(near) as profiles_near
    from (
        select
            holders.value_key,
            count(others.node_id) as near
        from holders
        inner join {{ ref('config_identifiers') }} as limits on holders.identifier_type = limits.identifier_type
        inner join held on holders.value_key = held.value_key
        inner join holders as others
            on
                holders.value_key = others.value_key
                and others.is_profile
                and (
                    others.first_seen_at is null
                    or holders.first_seen_at is null
                    or others.first_seen_at between holders.first_seen_at
                    and {{ add_days('holders.first_seen_at', 'limits.window_days') }}
                )
        -- a value that everybody holds would be compared with itself a billion times; the plain limit says enough
        where limits.window_days is not null and holders.is_profile and held.profiles <= 1000
        group by holders.value_key, holders.node_id
    ) as counted
    group by value_key
),

-- junk by evidence: one mailbox with many given names or birth dates is an office, a family or a habit of the staff. Fewer records
-- than names it takes cannot tell too many: nearly all values, and they are not looked at.
evidence as (
    select
        holders.value_key,
        count(distinct facts.given_name_key) as given_names,
        count(distinct facts.birth_date) as birth_dates
    from holders
    inner join held
        on
            holders.value_key = held.value_key
            and held.profiles > 1
            and held.records > least({{ var('identity_max_given_names') }}, {{ var('identity_max_birth_dates') }})
    inner join {{ ref('int_identity__node_facts') }} as facts on holders.node_id = facts.node_id
    where holders.is_profile
    group by holders.value_key
),

judged as (
    select
        held.value_key,
        held.identifier_type,
        held.scope_value,
        held.identifier_value,
        cast(held.profiles as bigint) as profiles,
        cast(held.nodes as bigint) as nodes,
        cast(held.records as bigint) as records,
        cast(evidence.given_names as bigint) as given_names,
        cast(evidence.birth_dates as bigint) as birth_dates,
        case
            when placeholders.identifier_value is not null then 'placeholder'
            when {{ is_placeholder('held.identifier_type', 'held.identifier_value') }} then 'placeholder'
            when mailboxes.local_part is not null then 'role mailbox'
            when coalesce(near.profiles_near, held.profiles) > limits.max_profiles then 'over limit of profiles'
            when evidence.given_names > {{ var('identity_max_given_names') }} then 'too many given names'
            when evidence.birth_dates > {{ var('identity_max_birth_dates') }} then 'too many birth dates'
        end as refused_because
    from held
    inner join {{ ref('config_identifiers') }} as limits on held.identifier_type = limits.identifier_type
    left join profiles_in_window as near on held.value_key = near.value_key
    left join evidence on held.value_key = evidence.value_key
    left join {{ ref('identity_placeholder_values') }} as placeholders
        on
            held.identifier_type = placeholders.identifier_type
            and lower(held.identifier_value) = placeholders.identifier_value
    left join {{ ref('identity_role_mailboxes') }} as mailboxes
        on
            held.identifier_type = 'email'
            and {{ before_at('held.identifier_value') }} = mailboxes.local_part
)

select * from judged
