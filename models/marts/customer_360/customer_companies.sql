-- Grain: one row per customer and organisation whose name a source gives as theirs. A relation of its own, it merges nobody: neither
-- people of one employer, nor organisations of one name. What people write when they have none is no organisation, nor is what
-- most of those who give a name give, unless a source declares it: a form fills it in.
with

named as (
    select
        owners.customer_id,
        contacts.record_id,
        contacts.company,
        {{ company_key('contacts.company') }} as company_key
    from {{ ref('stg_contacts') }} as contacts
    inner join {{ ref('node_customers') }} as owners on contacts.node_id = owners.node_id
    where contacts.company is not null
),

usable as (
    select *
    from named
    where length(company_key) > 1 and company_key not in (select company_key from {{ ref('company_placeholders') }})
),

people as (
    select count(distinct customer_id) as total from usable
),

-- as most records write it, of equally many the first by the alphabet
spellings as (
    select
        company_key,
        company,
        row_number() over (partition by company_key order by count(*) desc, company) as place
    from usable
    group by company_key, company
),

members as (
    select
        company_key,
        count(distinct customer_id) as members
    from usable
    group by company_key
),

keyed as (
    select
        record_id,
        lower(domain) as domain,
        {{ company_key('name') }} as company_key
    from {{ ref('stg_accounts') }}
    where name is not null
),

-- several organisations of one name are not told apart by it, so none of them is it
declared as (
    select
        company_key,
        case when count(distinct domain) = 1 then min(domain) end as account_domain
    from keyed
    group by company_key
),

final as (
    select
        usable.customer_id,
        usable.company_key,
        max(spellings.company) as company_name,
        max(case when declared.company_key is not null then 'declared' else 'company name' end) as basis,
        max(declared.account_domain) as account_domain,
        cast(count(*) as bigint) as records,
        cast(max(members.members) as bigint) as members
    from usable
    cross join people
    inner join members on usable.company_key = members.company_key
    inner join spellings on usable.company_key = spellings.company_key and spellings.place = 1
    left join declared on usable.company_key = declared.company_key
    where
        declared.company_key is not null
        or members.members <= greatest(10, people.total * {{ var('company_max_share') }})
    group by usable.customer_id, usable.company_key
)

select * from final
