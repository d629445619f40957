{{ config(materialized='view') }}
-- Grain: one row per person record: what it says of the person beside identifiers, as evidence for and against links.
with

people as (
    select
        node_id,
        coalesce(first_name, full_name) as given_name,
        birth_date
    from {{ ref('stg_contacts') }}
    union all
    select
        node_id,
        first_name as given_name,
        cast(null as date) as birth_date
    from {{ ref('stg_events') }}
    where type = 'identify' and first_name is not null and node_id is not null
)

select
    node_id,
    {{ name_key('given_name') }} as given_name_key,
    -- days that forms fill in when nobody does are no birth dates
    case
        when birth_date not in (date '1900-01-01', date '1901-01-01', date '1911-11-11', date '1970-01-01')
            then birth_date
    end as birth_date
from people
