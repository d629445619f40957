{{ config(materialized='view', schema='customer') }}
-- Grain: one row per voice that may win a field today: records and trackers, and mentions where these have nothing usable.
select
    customer_id,
    field,
    value,
    value_key,
    source,
    brand,
    record_id,
    node_id,
    is_verified,
    strategy,
    place,
    0 as tier,
    cast(0 as bigint) as mentions,
    valid_from,
    valid_from as known_at,
    time_basis,
    load_seq
from {{ ref('golden_votes') }}
where {{ may_win() }}
union all
select
    customer_id,
    field,
    value,
    value as value_key,
    source,
    cast(null as {{ sql_type('string') }}) as brand,
    cast(null as {{ sql_type('string') }}) as record_id,
    node_id,
    false as is_verified,
    strategy,
    place,
    1 as tier,
    cast(mentions as bigint) as mentions,
    valid_from,
    known_at,
    'mentioned' as time_basis,
    cast(0 as bigint) as load_seq
from {{ ref('golden_mentions') }}
