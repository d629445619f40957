{{ config(materialized='view') }}
-- Grain: one row: the moment this run speaks of. No model reads the wall clock.
select
    cast(as_of as timestamp) as as_of,
    run_id
from {{ source('ops', 'clock') }}
