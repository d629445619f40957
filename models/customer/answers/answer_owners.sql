-- Grain: one row per response without an identifier that belongs to whom its invitation went to.
-- A table, for the next build to compare with.
-- depends_on: {{ ref('touched_answers') }}
select
    record_id,
    customer_id
from {{ ref('int_answers__by_invitation') }}
