-- Grain: one row per customer who lives with another customer: their household. A relation of its own, it merges nobody.
-- Declared by the source first; else the same whole address (street with its number and unit, postal code, country) of at most
-- `household_max_members` people. A shared family name is evidence, the stronger the rarer, and never asked for.
with

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

contacts as (
    select
        record_id,
        node_id,
        source,
        declared_household,
        street,
        address_normal,
        postal_code_normal,
        country_code,
        last_name_normal
    from {{ ref('stg_contacts') }}
),

golden as (
    select
        customer_id,
        address_record_id,
        name_record_id
    from {{ ref('golden_records') }}
),

declared as (
    select
        owners.customer_id,
        min(contacts.source || '|' || contacts.declared_household) as household_key
    from contacts
    inner join owners on contacts.node_id = owners.node_id
    where contacts.declared_household is not null
    group by owners.customer_id
),

homes as (
    select
        golden.customer_id,
        contacts.address_normal
        || '|' || coalesce(contacts.postal_code_normal, '')
        || '|' || coalesce(contacts.country_code, '') as household_key
    from golden
    inner join contacts on golden.address_record_id = contacts.record_id
    -- a street without a number is a place of many homes
    where {{ matches('contacts.street', '[0-9]') }} and contacts.address_normal is not null
),

surnames as (
    select
        golden.customer_id,
        contacts.last_name_normal as surname
    from golden
    inner join contacts on golden.name_record_id = contacts.record_id
    where contacts.last_name_normal is not null
),

named as (
    select count(*) as people from surnames
),

rarity as (
    select
        surnames.surname,
        -log2(cast(count(*) as double) / max(named.people)) as bits
    from surnames
    cross join named
    group by surnames.surname
),

placed as (
    select
        coalesce(declared.customer_id, homes.customer_id) as customer_id,
        case when declared.customer_id is not null then 'declared' else 'address' end as basis,
        coalesce(declared.household_key, homes.household_key) as household_key
    from declared
    full join homes on declared.customer_id = homes.customer_id
),

sized as (
    select
        basis,
        household_key,
        count(*) as members
    from placed
    group by basis, household_key
    having count(*) > 1 and (basis = 'declared' or count(*) <= {{ var('household_max_members') }})
),

lived as (
    select
        placed.customer_id,
        placed.basis,
        placed.household_key,
        sized.members,
        surnames.surname,
        count(surnames.surname) over (
            partition by placed.basis, placed.household_key, surnames.surname
        ) as of_that_name
    from placed
    inner join sized on placed.basis = sized.basis and placed.household_key = sized.household_key
    left join surnames on placed.customer_id = surnames.customer_id
)

select
    lived.customer_id,
    'h_' || substr(md5(salts.salt || '|' || lived.basis || '|' || lived.household_key), 1, 16) as household_id,
    lived.basis,
    cast(lived.members as bigint) as members,
    case when lived.of_that_name > 1 then round(rarity.bits, 2) end as surname_bits
from lived
left join rarity on lived.surname = rarity.surname
cross join {{ source('ops', 'identity_salt') }} as salts
