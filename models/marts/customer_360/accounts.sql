-- Grain: one row per organisation: declared by a source, or known by the mail domain of customers.
with

declared as (
    select
        lower(domain) as account_domain,
        name,
        industry,
        country_code,
        source,
        record_id,
        row_number() over (partition by lower(domain) order by record_id) as place
    from {{ ref('stg_accounts') }}
    where domain is not null
),

members as (
    select
        account_domain,
        count(*) as members
    from {{ ref('customer_accounts') }}
    group by account_domain
)

select
    coalesce(declared.account_domain, members.account_domain) as account_domain,
    declared.name,
    declared.industry,
    declared.country_code,
    declared.source,
    coalesce(members.members, 0) as members
from declared
full join members on declared.account_domain = members.account_domain
where coalesce(declared.place, 1) = 1
