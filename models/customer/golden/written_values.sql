-- Grain: one row per value that we wrote into a record of a source. Tells the next build what was known.
-- depends_on: {{ ref('touched_golden') }}
select distinct
    record_id,
    field,
    value_hash,
    written_at
from {{ source('exports_memory', 'written_fields') }}
