-- Grain: one row per customer and organisation they are with. A relation of its own, it merges nobody.
-- By the domain of an address that is no placeholder, unless it is a free provider's or that of too large a share of all people. A
-- mailbox that several share links nobody and still says where they are.
with

addresses as (
    select distinct
        owners.customer_id,
        {{ after_at('identifiers.identifier_value') }} as domain
    from {{ ref('int_identity__identifiers') }} as identifiers
    inner join {{ ref('node_customers') }} as owners on identifiers.node_id = owners.node_id
    where identifiers.identifier_type = 'email' and coalesce(identifiers.refused_because, '') <> 'placeholder'
),

domains as (
    select
        domain,
        count(*) as people
    from addresses
    where domain not in (select free.domain from {{ ref('free_mail_domains') }} as free)
    group by domain
),

people as (
    select count(distinct customer_id) as total from addresses
),

declared as (
    select distinct lower(domain) as domain
    from {{ ref('stg_accounts') }}
    where domain is not null
)

select
    addresses.customer_id,
    addresses.domain as account_domain,
    case when declared.domain is not null then 'declared' else 'mail domain' end as basis
from addresses
inner join domains on addresses.domain = domains.domain
cross join people
left join declared on addresses.domain = declared.domain
-- of a handful of people no share says anything
where
    declared.domain is not null
    or domains.people <= greatest(10, people.total * {{ var('account_max_share') }})
