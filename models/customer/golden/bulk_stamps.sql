-- Grain: one row per source table and second that is no evidence of when a record changed. Tells the next build what it was.
-- depends_on: {{ ref('touched_golden') }}
select
    source,
    source_table,
    stamped_at
from {{ ref('int_golden__stamps') }}
