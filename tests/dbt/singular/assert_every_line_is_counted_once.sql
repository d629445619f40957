-- Fails when lines were lost or doubled on the way to order_lines: every staged line is there, once.
with

staged as (
    select record_id from {{ ref('stg_order_lines') }}
),

shown as (
    select record_id from {{ ref('order_lines') }}
)

select
    staged.record_id as staged_id,
    shown.record_id as shown_id
from staged
full outer join shown on staged.record_id = shown.record_id
where staged.record_id is null or shown.record_id is null
