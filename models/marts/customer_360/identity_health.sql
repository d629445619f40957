-- Grain: one row per sign by which wrong merges show without knowing the truth, with what is worth a look.
-- A person has few given names and few records; too many of either, or many ties of probability only, tell of links to distrust.
with

customers as (
    select
        owners.customer_id,
        count(distinct facts.given_name_key) as given_names
    from {{ ref('node_customers') }} as owners
    inner join {{ ref('int_identity__node_facts') }} as facts on owners.node_id = facts.node_id
    where facts.given_name_key is not null
    group by owners.customer_id
),

records as (
    select
        customer_id,
        count(*) as records,
        sum(case when confidence < 1 then 1 else 0 end) as held_by_probability
    from {{ ref('customer_records') }}
    group by customer_id
),

sizes as (
    select
        percentile_cont(0.99) within group (order by records) as usual_most,
        max(records) as most,
        sum(records) as records,
        sum(held_by_probability) as held_by_probability,
        count(*) as customers
    from records
),

examined as (
    select
        people.customer_id,
        max(case when bridges.customer_id is not null then 1 else 0 end) as hangs_by_one
    from (select distinct customer_id from {{ ref('int_identity__examined') }}) as people
    left join {{ ref('identity_bridges') }} as bridges on people.customer_id = bridges.customer_id
    group by people.customer_id
),

signs as (
    select
        'customers with more than 3 given names' as sign,
        cast(sum(case when given_names > 3 then 1 else 0 end) as double) / count(*) as share,
        count(*) as n,
        {{ var('identity_health_given_names') }} as worth_a_look_above
    from customers
    union all
    select
        'records in the largest customer' as sign,
        cast(most as double) / nullif(records, 0) as share,
        records as n,
        {{ var('identity_health_largest') }} as worth_a_look_above
    from sizes
    where customers >= 100
    union all
    select
        'customers with ten times the records of the 99th percentile' as sign,
        cast(sum(case when records.records > 10 * sizes.usual_most then 1 else 0 end) as double) / count(*) as share,
        count(*) as n,
        {{ var('identity_health_outliers') }} as worth_a_look_above
    from records
    cross join sizes
    having count(*) >= 100
    union all
    select
        'records that only a probable link holds' as sign,
        cast(held_by_probability as double) / nullif(records, 0) as share,
        records as n,
        {{ var('identity_health_probable') }} as worth_a_look_above
    from sizes
    union all
    select
        'customers of four and more contact records in two groups that one link holds' as sign,
        cast(sum(hangs_by_one) as double) / count(*) as share,
        count(*) as n,
        {{ var('identity_health_bridges') }} as worth_a_look_above
    from examined
    having count(*) >= 20
)

select
    sign,
    share,
    cast(n as bigint) as n,
    cast(worth_a_look_above as double) as worth_a_look_above,
    share > worth_a_look_above as is_worth_a_look
from signs
where n > 0
