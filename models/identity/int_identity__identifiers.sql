-- Grain: one row per identity node and identifier value, with the reason why the value may not link, if any.
with

carried as (
    select
        node_id,
        identifier_type,
        identifier_value,
        case scope when 'global' then '' when 'brand' then coalesce(brand, source) else source end as scope_value,
        source,
        entity,
        is_profile,
        priority,
        max_profiles,
        first_seen_at,
        last_seen_at,
        records
    from {{ ref('stg_identifiers') }}
    inner join {{ ref('config_identifiers') }} using (identifier_type)
    where node_id is not null
),

nodes as (
    select
        node_id,
        identifier_type,
        scope_value,
        identifier_value,
        min(source) as source,
        min(priority) as priority,
        min(max_profiles) as max_profiles,
        {{ bool_or('is_profile') }} as is_profile,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        sum(records) as records
    from carried
    group by node_id, identifier_type, scope_value, identifier_value
),

-- limits count profiles, not rows: a good customer has hundreds of orders
held as (
    select
        identifier_type,
        scope_value,
        identifier_value,
        count(*) filter (where is_profile) as profiles,
        count(*) as nodes
    from nodes
    group by identifier_type, scope_value, identifier_value
),

judged as (
    select
        nodes.node_id,
        nodes.identifier_type,
        nodes.scope_value,
        nodes.identifier_value,
        nodes.source,
        nodes.priority,
        nodes.is_profile,
        nodes.first_seen_at,
        nodes.last_seen_at,
        nodes.records,
        held.profiles,
        held.nodes,
        case
            when placeholders.identifier_value is not null then 'placeholder'
            when {{ is_placeholder('nodes.identifier_type', 'nodes.identifier_value') }} then 'placeholder'
            when mailboxes.local_part is not null then 'role mailbox'
            when held.profiles > nodes.max_profiles then 'over limit of profiles'
        end as refused_because
    from nodes
    inner join held
        on
            nodes.identifier_type = held.identifier_type
            and nodes.scope_value = held.scope_value
            and nodes.identifier_value = held.identifier_value
    left join {{ ref('identity_placeholder_values') }} as placeholders
        on
            nodes.identifier_type = placeholders.identifier_type
            and lower(nodes.identifier_value) = placeholders.identifier_value
    left join {{ ref('identity_role_mailboxes') }} as mailboxes
        on
            nodes.identifier_type = 'email'
            and {{ before_at('nodes.identifier_value') }} = mailboxes.local_part
)

select * from judged
