-- Grain: one row per record and contact point that refuses a whole channel: an unsubscription, a complaint, an opt-out of a contact, or a
-- preference for nothing at all. Without a channel it refuses all of them.
with

fields as (
    {% for field, channel, kind in [('email_opt_out', 'email', 'email'), ('sms_opt_out', 'sms', 'phone')] %}
    select
        record_id,
        node_id,
        source,
        load_seq,
        cast('{{ channel }}' as {{ sql_type('string') }}) as channel,
        cast('{{ kind }}' as {{ sql_type('string') }}) as kind,
        cast('{{ field }}' as {{ sql_type('string') }}) as field
    from {{ ref('stg_contacts') }}
    where {{ field }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- it is the contact who opts out: all addresses or numbers of the record
opted_out as (
    select distinct
        fields.*,
        identifiers.identifier_value as contact_point
    from fields
    left join {{ ref('stg_identifiers') }} as identifiers
        on fields.node_id = identifiers.node_id and fields.kind = identifiers.identifier_type
),

versions as (
    select
        versions.record_id,
        fields.field,
        versions.updated_at,
        coalesce(
            case when fields.field = 'email_opt_out' then versions.email_opt_out else versions.sms_opt_out end, false
        ) as is_out,
        row_number() over (
            partition by versions.record_id, fields.field
            order by
                versions.updated_at nulls first,
                versions.load_seq,
                versions.file,
                versions.position
        ) as version_no
    from {{ ref('stg_contact_versions') }} as versions
    inner join fields on versions.record_id = fields.record_id
),

last_in as (
    select
        record_id,
        field,
        max(version_no) as version_no
    from versions
    where not is_out
    group by record_id, field
),

-- said when the field was set, not when somebody last touched the record
since as (
    select
        versions.record_id,
        versions.field,
        min(versions.updated_at) as occurred_at
    from versions
    left join last_in on versions.record_id = last_in.record_id and versions.field = last_in.field
    where versions.version_no > coalesce(last_in.version_no, 0)
    group by versions.record_id, versions.field
),

never as (
    select name from {{ ref('config_send_rules') }}
    where kind = 'never'
),

final as (
    select
        record_id,
        node_id,
        source,
        load_seq,
        {{ message_channel() }} as channel,
        email,
        phone,
        occurred_at,
        case when kind = 'complained' then 'complained about message ' else 'unsubscribed from message ' end
        || coalesce(message_id, record_id) as proof
    from {{ ref('stg_messages') }}
    where kind in ('unsubscribed', 'complained')
    union all
    select
        opted_out.record_id,
        opted_out.node_id,
        opted_out.source,
        opted_out.load_seq,
        opted_out.channel,
        case when opted_out.kind = 'email' then opted_out.contact_point end as email,
        case when opted_out.kind = 'phone' then opted_out.contact_point end as phone,
        since.occurred_at,
        opted_out.field || ' of ' || opted_out.record_id as proof
    from opted_out
    left join since on opted_out.record_id = since.record_id and opted_out.field = since.field
    union all
    select
        preferences.record_id,
        preferences.node_id,
        preferences.source,
        preferences.load_seq,
        preferences.channel,
        preferences.email,
        preferences.phone,
        preferences.record_updated_at as occurred_at,
        'prefers ' || preferences.frequency || ' in ' || preferences.record_id as proof
    from {{ ref('stg_preferences') }} as preferences
    inner join never on preferences.frequency = never.name
)

select * from final
